"""Who did what: one record for each request and each bundle entry. Imports store and below.

Entry points: `record.AuditRecord`, `journal.Journal`, `sink.DatabaseJournal`, `collect.collect`.
"""
