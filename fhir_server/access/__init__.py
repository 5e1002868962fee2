"""Who may see or do what: principals, operator tokens, and the policy that yields the visibility predicate.

May import `store`, `definitions`, `fhir`. Entry points: `policy.Policy`, `principal.Principal`,
`tokens.TokenDirectory`.
"""
