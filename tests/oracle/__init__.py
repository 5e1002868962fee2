"""Search as the standard describes it, over a list of resources: https://hl7.org/fhir/R4/search.html .

The judge of the server's search: written from the standard and docs/search.md alone, and slow on purpose. May import
`fhir_server.definitions` for facts, and nothing of `fhir_server.search`. Entry points: Oracle, Answer, Refused.
"""

from tests.oracle.oracle import Answer, Oracle
from tests.oracle.query import Refused

__all__ = ["Answer", "Oracle", "Refused"]
