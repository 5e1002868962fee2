"""The stamp in the stored text."""

import pytest

from fhir_server.fhir.json import JsonObject, dump, parse_stored
from fhir_server.fhir.meta import split_for_stamp, stamped

UPDATED = 1_795_308_425_123_456
STAMP = {"versionId": "3", "lastUpdated": "2026-11-22T00:47:05.123456Z"}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, {"meta": STAMP}),
        ({"resourceType": "Group", "id": "1"}, {"resourceType": "Group", "id": "1", "meta": STAMP}),
        ({"resourceType": "Group", "name": "x"}, {"resourceType": "Group", "meta": STAMP, "name": "x"}),
        (
            {"resourceType": "Group", "name": "x", "id": "1", "active": True},
            {"resourceType": "Group", "name": "x", "id": "1", "meta": STAMP, "active": True},
        ),
        (
            {"name": "x", "meta": {"profile": ["p"], "versionId": "9", "lastUpdated": "old"}, "resourceType": "Group"},
            {"name": "x", "meta": {**STAMP, "profile": ["p"]}, "resourceType": "Group"},
        ),
        ({"meta": {"versionId": "1", "_lastUpdated": {"id": "x"}}}, {"meta": STAMP}),
    ],
)
def test_the_stamp_comes_first_in_meta_and_meta_keeps_its_place(sent: JsonObject, expected: JsonObject) -> None:
    head, tail = split_for_stamp(sent)
    assert stamped(head, tail, 3, UPDATED) == dump(expected)


def test_the_resource_is_not_changed() -> None:
    sent = {"resourceType": "Group", "meta": {"versionId": "1", "source": "#x"}}
    split_for_stamp(sent)
    assert sent == {"resourceType": "Group", "meta": {"versionId": "1", "source": "#x"}}


def test_restamping_the_stored_text_gives_the_same_pieces() -> None:
    head, tail = split_for_stamp({"resourceType": "Group", "id": "1", "meta": {"tag": [{"code": "a"}]}, "quantity": 2})
    assert split_for_stamp(parse_stored(stamped(head, tail, 3, UPDATED))) == (head, tail)
