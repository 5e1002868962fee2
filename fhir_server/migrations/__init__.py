"""Alembic migrations of the whole schema, the same on both databases; run by `store.schema.upgrade`."""
