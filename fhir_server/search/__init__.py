"""Search: a compiler from parameters to index rows on the one side, and to SQL on the other.

May import `store`, `definitions`, `fhir` and below.
"""
