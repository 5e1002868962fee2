"""Official examples survive: stored by a transaction or one by one, and read back as they were sent, in JSON and XML.

What may differ: meta.versionId and lastUpdated, the id after a POST, references that a transaction rewrote; and the
order of members once a body has been XML, whose elements have the standard's order. Decimals are compared by text.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.builders.official import gravity_examples, package_examples
from tests.builders.referrals import bundle, post, put
from tests.http.client import FHIR_XML, Client, JsonObject, dumped, parsed

BASE = "https://guide.example.org/fhir"
SETS: dict[str, Callable[[], dict[str, str]]] = {
    "gravity-3.0.0": lambda: gravity_examples("3.0.0"),
    "gravity-2.3.0": lambda: gravity_examples("2.3.0"),
    "us-core-7.0.0": lambda: package_examples("hl7.fhir.us.core-7.0.0"),
    "us-core-6.1.0": lambda: package_examples("hl7.fhir.us.core-6.1.0"),
}
_NOT_HERE = {
    "Bundle": 4,
    "DiagnosticReport": 5,
    "Media": 2,
    "Medication": 2,
    "MedicationDispense": 1,
    "MedicationRequest": 4,
}
LEFT_OUT: dict[str, dict[str, int]] = {
    "gravity-3.0.0": {},
    "gravity-2.3.0": {},
    "us-core-7.0.0": _NOT_HERE | {"AllergyIntolerance": 2, "Specimen": 2},
    "us-core-6.1.0": _NOT_HERE | {"AllergyIntolerance": 1, "Specimen": 1},
}
"""Examples of types that are not switched on, among them Bundles: they are not resources to store."""


@pytest.fixture(params=SETS)
def name(request: pytest.FixtureRequest) -> str:
    """One set of examples that is here."""
    if not SETS[request.param]():
        pytest.skip(f"the examples of {request.param} are not on this machine (FHIR_SHARED)")
    return str(request.param)


@pytest.fixture
def examples(name: str, client: Client) -> list[JsonObject]:
    """The examples of the set whose types are switched on."""
    on = switched_on(client)
    every = [parsed(text) for text in SETS[name]().values()]
    return [example for example in every if example["resourceType"] in on]


def switched_on(client: Client) -> set[str]:
    """The types that /metadata says can be created."""
    resources = client.get("metadata").json["rest"][0]["resource"]
    return {r["type"] for r in resources if {"code": "create"} in r["interaction"]}


def essence(resource: JsonObject, *, keep_id: bool = True) -> JsonObject:
    """A resource without what the server owns."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in {"versionId", "lastUpdated"}}
    shown = resource | {"meta": meta}
    return {k: v for k, v in shown.items() if (k != "meta" or v) and (k != "id" or keep_id)}


def rewritten(value: Any, addresses: dict[str, str]) -> Any:
    """A value with its Reference.reference strings replaced."""
    if isinstance(value, dict):
        return {
            k: addresses.get(v, v) if k == "reference" and isinstance(v, str) else rewritten(v, addresses)
            for k, v in value.items()
        }
    return [rewritten(v, addresses) for v in value] if isinstance(value, list) else value


def test_what_is_left_out_is_known(name: str, client: Client) -> None:
    on = switched_on(client)
    types = Counter(parsed(text)["resourceType"] for text in SETS[name]().values())
    assert {t: n for t, n in sorted(types.items()) if t not in on} == LEFT_OUT[name]


def test_one_transaction_of_updates_keeps_every_byte_that_matters(examples: list[JsonObject], client: Client) -> None:
    answer = client.post("", bundle("transaction", *(put(example) for example in examples)))
    assert answer.status == 200, answer.text[:3000]
    for example in examples:
        read = client.get(f"{example['resourceType']}/{example['id']}").json
        assert dumped(essence(read)) == dumped(essence(example))


def test_one_transaction_of_creates_rewrites_references_only(examples: list[JsonObject], client: Client) -> None:
    entries = [post(e, f"{BASE}/{e['resourceType']}/{e['id']}") for e in examples]
    answer = client.post("", bundle("transaction", *entries))
    assert answer.status == 200, answer.text[:3000]
    made = [entry["response"]["location"].split("/_history/")[0] for entry in answer.json["entry"]]
    made = [location.removeprefix(f"{client.base}/") for location in made]
    addresses = {f"{e['resourceType']}/{e['id']}": new for e, new in zip(examples, made, strict=True)}
    for example, location in zip(examples, made, strict=True):
        read = client.get(location).json
        expected = rewritten(essence(example, keep_id=False), addresses)
        assert dumped(essence(read, keep_id=False)) == dumped(expected)


def test_single_creates_and_updates_read_back_equal(examples: list[JsonObject], client: Client) -> None:
    for example in examples:
        kind = example["resourceType"]
        made = client.post(kind, example)
        assert made.status == 201, made.text
        assert dumped(essence(made.json, keep_id=False)) == dumped(essence(example, keep_id=False))
        assert made.json["id"] != example["id"]
        kept = client.put(f"{kind}/{example['id']}", example)
        assert kept.status == 201, kept.text
        assert dumped(essence(client.get(f"{kind}/{example['id']}").json)) == dumped(essence(example))


def test_xml_and_back_loses_nothing_but_the_order(examples: list[JsonObject], client: Client) -> None:
    for example in examples:
        path = f"{example['resourceType']}/{example['id']}"
        assert client.put(path, example).status == 201
        answer = client.get(path, Accept=FHIR_XML)
        assert answer.headers["Content-Type"].startswith(FHIR_XML)
        root = ET.fromstring(answer.text)
        assert root.tag == f"{{http://hl7.org/fhir}}{example['resourceType']}"

        back = client.send("PUT", path, answer.text, content_type=FHIR_XML)
        assert back.status == 200, back.text
        assert back.json["meta"]["versionId"] == "2"
        assert essence(client.get(path).json) == essence(example)
        made = client.send("POST", example["resourceType"], answer.text, content_type=FHIR_XML)
        assert made.status == 201, made.text
        assert essence(made.json, keep_id=False) == essence(example, keep_id=False)
