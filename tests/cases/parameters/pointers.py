"""Samples of references and canonicals: https://hl7.org/fhir/R4/search.html#reference."""

from tests.cases.parameters.samples import BASE, Place, Probe, Sample, no, yes

SYSTEM = "http://example.org/references"


def reference(place: Place) -> Sample | None:
    """A reference of an element's type; None where that type holds none."""
    if place.type == "canonical":
        return _canonical(place)
    return _reference(place) if place.type == "Reference" else None


def _reference(place: Place) -> Sample:
    target, value, other = target_of(place), f"r-{place.number}", "r-9999"
    probes = (
        *yes(value, f"{BASE}/{target}/{value}", f"{target}/{value}/_history/3"),
        *no(other, f"{BASE}/{target}/{other}", f"http://elsewhere.org/fhir/{target}/{value}", f"{target}/r"),
        *yes(value, f"{target}/{value}", modifier=target),
        *no(other, modifier=target),
        *yes(value, f"{SYSTEM}|{value}", modifier="identifier"),
        *no(other, f"{SYSTEM}|{other}", f"|{value}", modifier="identifier"),
        *_of_another_type(place, target, value),
    )
    identified = {"reference": f"{target}/{value}", "identifier": {"system": SYSTEM, "value": value}}
    return Sample(identified, f"{target}/{value}", f"{target}/{other}", probes)


def target_of(place: Place) -> str:
    """A type that the parameter and the element both allow."""
    if place.refers_to:
        return place.refers_to
    allowed = place.element.targets if place.element else ()
    wanted = [name for name in place.parameter.targets if name in allowed or not allowed]
    served = [name for name in wanted or allowed if name in place.definitions.server]
    return (served or wanted or list(allowed) or ["Patient"])[0]


def _of_another_type(place: Place, target: str, value: str) -> tuple[Probe, ...]:
    others = [name for name in place.parameter.targets if name != target]
    return (*no(value, modifier=others[0]), *no(f"{others[0]}/{value}")) if others else ()


def _canonical(place: Place) -> Sample:
    value, other = f"http://example.org/canonicals/{place.number}", "http://example.org/canonicals/9999"
    probes = (*yes(f"{value}|1.0", f"{value}#part"), *no(f"{value}|2.0", f"{value}/deeper"))
    return Sample(f"{value}|1.0", value, other, probes)
