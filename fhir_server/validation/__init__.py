"""Whether a resource is well built: structure against the element tables, and the rules that no table can state.

May import `terminology`, `definitions`, `fhir`. Entry points: `structure.StructureValidator`,
`second_opinion.second_opinion`.
"""
