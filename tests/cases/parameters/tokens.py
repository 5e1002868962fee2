"""Samples of tokens: https://hl7.org/fhir/R4/search.html#token."""

from collections.abc import Mapping
from typing import Any

from tests.cases.parameters.resources import codes_of
from tests.cases.parameters.samples import Make, Place, Probe, Sample, no, yes

SYSTEM = "http://example.org/codes"
TYPES = "http://example.org/identifier-types"
_UNBOUND = {"language": ("fr-CA", "sv"), "contentType": ("text/csv", "image/png")}


def token(place: Place) -> Sample | None:
    """A token of an element's type; None where that type holds none."""
    if place.is_truth:
        return Sample(_TRUTHS[place.type], "true", "false", is_unique=False)
    make = _MAKE.get(place.type)
    return make(place) if make else None


def _code(place: Place) -> Sample:
    bound = codes_of(place.element, place.definitions)
    if not bound:
        name = place.element.name if place.element else ""
        code, other = _UNBOUND.get(name, (f"code-{place.number}", "code-9999"))
        return Sample(code, code, other, (*yes(f"|{code}"), *_negated(code, other)), is_unique=name not in _UNBOUND)
    (system, code), other = bound[0], bound[1][1] if len(bound) > 1 else "no-such-code"
    probes = (*yes(f"{system}|{code}", f"{system}|"), *no(f"{SYSTEM}|{code}", f"|{code}"), *_negated(code, other))
    return Sample(code, code, other, probes, is_unique=False)


def _coded(place: Place) -> tuple[dict[str, Any], str, bool]:
    """A Coding, a code that is not in it, and whether it is the only one of its kind."""
    bound = codes_of(place.element, place.definitions)
    if bound:
        (system, code), (_, other) = bound[0], bound[1]
        return {"system": system, "code": code, "display": f"Label {place.number}"}, other, False
    return {"system": SYSTEM, "code": f"c-{place.number}", "display": f"Label {place.number}"}, "c-9999", True


def _coding(place: Place) -> Sample:
    coding, other, is_unique = _coded(place)
    return Sample(coding, f"{coding['system']}|{coding['code']}", other, _of_coding(coding, other), is_unique)


def _concept(place: Place) -> Sample:
    coding, other, is_unique = _coded(place)
    value = {"coding": [coding], "text": f"Said {place.number}"}
    probes = (*_of_coding(coding, other), *yes(f"said {place.number}", modifier="text"))
    return Sample(value, coding["code"], other, probes, is_unique)


def _of_coding(coding: Mapping[str, str], other: str) -> tuple[Probe, ...]:
    system, code, label = coding["system"], coding["code"], coding["display"]
    return (
        *yes(code, f"{system}|{code}", f"{system}|"),
        *no(f"|{code}", f"http://example.org/other|{code}", f"{system}|{other}", code.upper() + "-"),
        *_negated(code, other),
        *yes(label, label.lower(), modifier="text"),
        *no("9999", "no such label", modifier="text"),
    )


def _identifier(place: Place) -> Sample:
    value = f"i-{place.number}"
    kind = {"coding": [{"system": TYPES, "code": "KIND"}], "text": f"Type {place.number}"}
    probes = (
        *yes(value, f"{SYSTEM}|{value}", f"{SYSTEM}|"),
        *no(f"|{value}", f"http://example.org/other|{value}"),
        *_negated(value, "i-9999"),
        *yes(f"type {place.number}", modifier="text"),
        *no("type 9999", modifier="text"),
        *yes(f"{TYPES}|KIND|{value}", modifier="of-type"),
        *no(f"{TYPES}|KIND|i-9999", f"{TYPES}|OTHER|{value}", f"{SYSTEM}|KIND|{value}", modifier="of-type"),
    )
    return Sample({"type": kind, "system": SYSTEM, "value": value}, f"{SYSTEM}|{value}", f"{SYSTEM}|i-9999", probes)


def _contact_point(place: Place) -> Sample:
    value = f"555-{place.number}"
    probes = (*yes(f"|{value}"), *no(f"phone|{value}", f"email|{value}"), *_negated(value, "555-9999"))
    return Sample({"system": "phone", "value": value} | dict(place.fixed or {}), value, "555-9999", probes)


def _boolean(_: Place) -> Sample:
    return Sample(True, "true", "false", _negated("true", "false"), is_unique=False)


def _text(place: Place) -> Sample:
    value = f"t-{place.number}"
    return Sample(value, value, "t-9999", (*yes(f"|{value}"), *no(f"{SYSTEM}|{value}"), *_negated(value, "t-9999")))


def _uri(place: Place) -> Sample:
    value, other = (f"http://example.org/tokens/{n}" for n in (place.number, "9999"))
    return Sample(value, value, other, _negated(value, other))


def _negated(finds: str, misses: str) -> tuple[Probe, ...]:
    return (Probe(misses, True, "not"), Probe(finds, False, "not"))


_TRUTHS: Mapping[str, Any] = {"boolean": True, "dateTime": "2001-02-03"}
_MAKE: Mapping[str, Make] = {
    "code": _code, "Coding": _coding, "CodeableConcept": _concept, "Identifier": _identifier,
    "ContactPoint": _contact_point, "boolean": _boolean, "string": _text, "id": _text, "uri": _uri,
}  # fmt: skip
