"""Background work of the server: tasks that a worker process runs again and again. Imports store and below.

Entry points: `worker.Worker`, `worker.PeriodicTask`, `worker.run_until_told`.
"""
