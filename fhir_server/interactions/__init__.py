"""The interactions of the RESTful API, free of HTTP: route table, context, THE write path, reads, history, bundles.

May import `access`, `audit`, `validation` and below. Entry points: `perform.perform`, `write.write`, `context.Core`.
"""
