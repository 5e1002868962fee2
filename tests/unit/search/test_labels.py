"""The left side of a parameter: links, name, modifier."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import BadRequest
from fhir_server.search.labels import read_label
from fhir_server.search.request import Criterion, Link

SUBJECT = Link("subject", "Patient")
OWNER = Link("owner", "")
TASKS = Link("patient", "Task", is_reverse=True)


@pytest.mark.parametrize(
    ("label", "links", "name", "modifier"),
    [
        ("status", (), "status", ""),
        ("status:not", (), "status", "not"),
        ("owner:Organization", (), "owner", "Organization"),
        ("owner.name", (OWNER,), "name", ""),
        ("owner.name:exact", (OWNER,), "name", "exact"),
        ("subject:Patient.name", (SUBJECT,), "name", ""),
        ("subject:Patient.organization.name", (SUBJECT, Link("organization", "")), "name", ""),
        ("_has:Task:patient:status", (TASKS,), "status", ""),
        ("_has:Task:patient:status:not", (TASKS,), "status", "not"),
        ("_has:Task:patient:owner.name", (TASKS, OWNER), "name", ""),
        ("subject:Patient._has:Task:patient:status", (SUBJECT, TASKS), "status", ""),
        ("_has:Task:patient:_has:Task:part-of:status", (TASKS, Link("part-of", "Task", is_reverse=True)), "status", ""),
        ("_has:Task:patient:owner:Organization.name:exact", (TASKS, Link("owner", "Organization")), "name", "exact"),
        ("_hasty", (), "_hasty", ""),
        ("", (), "", ""),
    ],
)
def test_links_name_and_modifier(label: str, links: tuple[Link, ...], name: str, modifier: str) -> None:
    assert read_label(label) == (links, name, modifier)


@pytest.mark.parametrize(
    "label",
    [
        "_has", "_has:", "_has:Task", "_has:Task:patient", "_has:Task:patient:", "_has::patient:status",
        "_has:Task::status", "_has:Task:patient:_has", "owner._has:Task:patient",
    ],
)  # fmt: skip
def test_a_has_that_leads_nowhere_is_told_what_it_lacks(label: str) -> None:
    with pytest.raises(BadRequest, match="_has:Type:reference:parameter"):
        read_label(label)


@pytest.mark.parametrize("label", [".", ".name", "owner.", "owner..name", "owner.name.", ":Patient.name"])
def test_a_chain_with_a_hole_is_told_what_it_lacks(label: str) -> None:
    with pytest.raises(BadRequest, match=r"reference\.parameter"):
        read_label(label)


@pytest.mark.parametrize("label", ["status:", "owner:.name", "_has:Task:patient:status:"])
def test_a_colon_with_nothing_behind_it_is_refused(label: str) -> None:
    with pytest.raises(BadRequest, match="colon"):
        read_label(label)


_WORDS = st.text("abc-_", min_size=1, max_size=5).filter(lambda word: word != "_has")
_LINKS = st.builds(Link, _WORDS, _WORDS, st.just(True)) | st.builds(Link, _WORDS, _WORDS | st.just(""))


@given(st.lists(_LINKS, max_size=6), _WORDS, _WORDS | st.just(""))
def test_what_was_written_is_read_again(links: list[Link], name: str, modifier: str) -> None:
    label = Criterion(name, modifier, ("x",), tuple(links)).label
    assert read_label(label) == (tuple(links), name, modifier)


@given(st.text(":._hasTkxy", max_size=40))
def test_any_label_is_read_or_refused(label: str) -> None:
    try:
        links, name, modifier = read_label(label)
    except BadRequest:
        return
    assert read_label(Criterion(name, modifier, (), links).label) == (links, name, modifier)
    assert all(link.code for link in links)
    assert "." not in name + modifier
