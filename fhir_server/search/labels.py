"""The left side of a search parameter: links, name, modifier.

https://hl7.org/fhir/R4/search.html#chaining and #has  `subject:Patient.name:exact` and `_has:Task:owner:status` mix
freely; what stands last is the parameter that gets the value.
"""

from fhir_server.errors import BadRequest
from fhir_server.search.request import Link

HAS = "_has"


def read_label(label: str) -> tuple[tuple[Link, ...], str, str]:
    """Links, name and modifier of a label; raises BadRequest for a `_has` that leads nowhere."""
    links: list[Link] = []
    rest = label
    while True:
        if rest == HAS or rest.startswith(f"{HAS}:"):
            parts = rest.split(":", 3)
            if len(parts) != 4 or not all(parts):
                raise BadRequest("_has is expected as _has:Type:reference:parameter", code="value")
            links.append(Link(parts[2], parts[1], is_reverse=True))
            rest = parts[3]
            continue
        step, dot, rest_after = rest.partition(".")
        if step.endswith(":"):
            raise BadRequest(f"{label[:120]}: a colon is expected to be followed by a modifier or a type", code="value")
        if not dot:
            name, _, modifier = rest.partition(":")
            if links and not name:
                raise BadRequest(f"{label[:120]}: a chain is expected to end at a parameter", code="value")
            return tuple(links), name, modifier
        code, _, type_name = step.partition(":")
        if not code or not rest_after:
            raise BadRequest(f"{label[:120]}: a chain is expected as reference.parameter", code="value")
        links.append(Link(code, type_name))
        rest = rest_after
