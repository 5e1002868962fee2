"""Where Alembic begins: runs the migrations on the connection, and in the transaction, that `store.schema` opened."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True)
context.run_migrations()
