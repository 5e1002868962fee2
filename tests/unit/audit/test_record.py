"""A record fits the table and the journal, whatever was in the request."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.audit.record import AuditRecord, parse
from fhir_server.audit.tables import AUDIT_EVENT
from tests.builders.records import record

hostile_text = st.text(st.characters(), max_size=400) | st.text(st.sampled_from('\0\ud800\udfff\n"\\é😀a'))
hostile_records = st.builds(
    record,
    number=st.integers(0, 9),
    request_id=hostile_text,
    interaction=hostile_text,
    principal=hostile_text,
    organization=hostile_text,
    type_name=hostile_text,
    resource_id=hostile_text,
    version_id=st.none() | st.integers(-(2**63), 2**63 - 1),
    entry=st.none() | st.integers(0, 10_000),
    query=hostile_text,
    reason=hostile_text,
    resources=st.lists(hostile_text, max_size=4).map(tuple),
)


@given(hostile_records)
def test_a_line_comes_back_as_the_same_row(original: AuditRecord) -> None:
    line = original.line()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert parse(line).row() == original.row()


@given(hostile_records)
def test_a_row_holds_only_what_databases_can_hold(original: AuditRecord) -> None:
    row = original.row()
    for name, value in row.items():
        if isinstance(value, str):
            value.encode("utf-8")
            assert "\0" not in value
            assert len(value) <= 300 or name in {"query", "resources"}
    assert row["version_id"] is None or 0 <= row["version_id"] < 2**31


def test_a_row_has_the_columns_of_the_table_in_their_order() -> None:
    columns = [column.name for column in AUDIT_EVENT.columns]
    assert columns == ["seq", *record(1).row(), "journal", "position"]


def test_ordinary_text_is_kept_as_it_is() -> None:
    query = "family=Müller&name=Мария"
    assert record(1, query=query, resource_id="a" * 64).row()["query"] == query


def test_a_very_long_query_is_cut_and_says_so() -> None:
    row = record(1, query="x" * 1_000_000).row()
    assert len(row["query"]) < 110_000
    assert row["query"].endswith("[cut]")
    assert len(record(1, query="x" * 1_000_000).line()) < 110_000


def test_the_resources_of_an_import_are_a_json_list() -> None:
    assert json.loads(record(1, resources=("Patient/1", "Task/2")).row()["resources"]) == ["Patient/1", "Task/2"]
    assert record(1).row()["resources"] == ""


@pytest.mark.parametrize(
    "line", [b"", b"{}\n", b'{"recorded":1', b"\0\0\0\n", b'{"recorded":"x"}\n', b"[1]\n", b"\xff\n"]
)
def test_a_damaged_line_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        parse(line)
