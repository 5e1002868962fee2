"""Versions, history, index rows and the outbox on SQLite and PostgreSQL, written by units of work in one order.

May import `fhir` and `errors`. Entry points: `database.open_database`, `unit_of_work.run_unit_of_work`, `reading`,
`schema`.
"""
