"""Flask lives here: FHIR over HTTP, health and metrics. The edge that authenticates, audits, commits and renders.

May import `interactions` and below. Entry points: `fhir.FhirEndpoint`, `health`.
"""
