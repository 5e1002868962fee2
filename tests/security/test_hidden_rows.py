"""Rows that a principal may not see: every answer equals that of a server on which they do not exist.

Two servers get the same writes at the same times, but the second never gets the hidden half. The first hides it by the
predicate of its policy. https://hl7.org/fhir/R4/security.html#access-denied
"""

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import Client as WsgiClient

from fhir_server.access.policy import Decision, OperatorPolicy
from fhir_server.access.principal import Principal
from fhir_server.app import build_core, create_application
from fhir_server.settings import Settings
from fhir_server.store.visibility import Predicate
from tests import shared_parts

PEOPLE = [f"p{n}" for n in range(12)]
TASKS = [f"t{n}" for n in range(24)]


class Hiding(OperatorPolicy):
    """Hides resources by id."""

    def __init__(self, hidden: set[str]) -> None:
        self._hidden = hidden

    def decide(self, principal: Principal, interaction: str, type_name: str | None) -> Decision:
        basis = super().decide(principal, interaction, type_name)
        if not self._hidden:
            return basis
        names = sorted(self._hidden)
        parameters = {f"visible_{n}": name for n, name in enumerate(names)}

        def clause(resource: sa.FromClause) -> sa.ColumnElement[bool]:
            return sa.and_(*(resource.c.resource_id != sa.bindparam(name) for name in parameters))

        return replace(basis, visible=Predicate(("hiding", len(names)), clause, parameters))


class Server:
    """One of the two, with a clock that the test sets."""

    def __init__(self, url: str, folder: Path, hidden: set[str]) -> None:
        self.now = 1_000_000
        settings = Settings(database=url, access="open", journal_folder=str(folder), page_size=5)
        self.policy = Hiding(set())
        self.hidden = hidden
        self.core = build_core(
            settings,
            definitions=shared_parts.definitions(),
            validator=shared_parts.validator(settings.max_issues),
            now=lambda: self.now,
            policy=self.policy,
        )
        self._wsgi = WsgiClient(create_application(settings, core=self.core))

    def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        path_only, _, query = path.partition("?")
        kwargs: dict[str, Any] = {} if body is None else {"json": body, "content_type": "application/fhir+json"}
        if isinstance(body, list):
            kwargs["content_type"] = "application/json-patch+json"
        answer = self._wsgi.open(
            f"/fhir/{path_only}", method=method, query_string=query, headers=dict(headers or {}), **kwargs
        )
        return answer.status_code, answer.headers.get("ETag", ""), answer.get_data(as_text=True)

    def hide(self) -> None:
        self.policy._hidden = self.hidden

    def close(self) -> None:
        self.core.journal.close()
        self.core.database.close()


def person(name: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": name,
        "identifier": [{"system": "urn:x", "value": name}],
        "name": [{"family": name}],
    }


def task(name: str, chance: random.Random) -> dict[str, Any]:
    return {
        "resourceType": "Task", "id": name, "status": chance.choice(["requested", "accepted"]), "intent": "order",
        "for": {"reference": f"Patient/{chance.choice(PEOPLE)}"},
        "owner": {"reference": f"Organization/o{chance.randrange(2)}"},
    }  # fmt: skip


def writes(chance: random.Random) -> list[tuple[str, str, Any]]:
    """A few hundred changes: creates, updates, deletes and revivals in random order."""
    made: list[tuple[str, str, Any]] = [("PUT", f"Patient/{p}", person(p)) for p in PEOPLE]
    made += [("PUT", f"Task/{t}", task(t, chance)) for t in TASKS]
    for _ in range(60):
        name = chance.choice(TASKS)
        made.append(("PUT", f"Task/{name}", task(name, chance)))
    for name in chance.sample(TASKS, 4):
        made.append(("DELETE", f"Task/{name}", None))
    for name in chance.sample(PEOPLE, 2):
        made.append(("DELETE", f"Patient/{name}", None))
    return made


@pytest.fixture(params=[1, 2, 3])
def twins(
    request: pytest.FixtureRequest, database_url: str, other_database_url: str, tmp_path: Path
) -> Iterator[tuple[Server, Server]]:
    """A server that hides a random half, and one that never had it."""
    chance = random.Random(request.param)
    hidden = set(chance.sample(PEOPLE + TASKS, (len(PEOPLE) + len(TASKS)) // 2))
    hiding = Server(database_url, tmp_path / "a", hidden)
    lacking = Server(other_database_url, tmp_path / "b", set())
    for step, (method, path, body) in enumerate(writes(chance)):
        for server in (hiding, lacking):
            server.now = 1_000_000_000 + step * 1_000_000
        assert hiding.send(method, path, body)[0] < 300
        if path.partition("/")[2] not in hidden:
            assert lacking.send(method, path, body)[0] < 300
    hiding.hide()
    yield hiding, lacking
    hiding.close()
    lacking.close()


def questions() -> list[tuple[str, str, dict[str, str]]]:
    asked: list[tuple[str, str, dict[str, str]]] = []
    for kind, names in (("Patient", PEOPLE), ("Task", TASKS)):
        for name in names:
            asked += [
                ("GET", f"{kind}/{name}", {}),
                ("GET", f"{kind}/{name}/_history?_count=50", {}),
                ("HEAD", f"{kind}/{name}", {}),
            ]
            asked += [("GET", f"{kind}/{name}/_history/{v}", {}) for v in (1, 2, 3)]
            asked += [
                ("GET", f"{kind}/{name}", {"If-None-Match": 'W/"1"'}),
                ("GET", f"{kind}?_id={name}&_total=accurate", {}),
            ]
            asked += [("GET", f"{kind}/{name}", {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"})]
        asked += [
            ("GET", f"{kind}/_history?_count=500", {}),
            ("GET", f"{kind}?_summary=count", {}),
            ("GET", f"{kind}?_count=0", {}),
        ]
    for name in PEOPLE:
        asked += [
            ("GET", f"Patient?identifier=urn:x|{name}&_total=accurate", {}),
            ("GET", f"Task?patient={name}&_total=accurate&_include=Task:patient", {}),
            ("GET", f"Task?patient=Patient/{name}&_total=estimate", {}),
            ("GET", f"Patient?_id={name}&_revinclude=Task:patient", {}),
        ]
    asked += [
        ("GET", "_history?_count=500", {}),
        (
            "GET",
            "Task?owner=Organization/o1&status=requested&_sort=-_lastUpdated&_include=Task:patient&_total=accurate&_count=50",
            {},
        ),
        ("GET", "Task?status=requested&_sort=status,-_id&_count=50", {}),
        ("GET", "Patient?_sort=family&_count=50", {}),
        ("GET", "Patient?_sort=-family&_count=50&_revinclude=Task:patient", {}),
        ("GET", "Patient?family:contains=p1&_total=accurate", {}),
        ("GET", "Task?owner:missing=true&_total=accurate", {}),
        ("GET", "Task?status:not=requested&_total=accurate&_count=50", {}),
    ]
    return asked


def test_every_answer_is_that_of_a_server_without_the_hidden_rows(twins: tuple[Server, Server]) -> None:
    hiding, lacking = twins
    for method, path, headers in questions():
        assert hiding.send(method, path, None, headers) == lacking.send(method, path, None, headers), (
            method,
            path,
            headers,
        )


@pytest.mark.parametrize(
    "path", ["Task?_count=3", "Task?status=requested&_count=2&_sort=-_lastUpdated", "Patient?_sort=family&_count=3"]
)
def test_pages_are_the_same(twins: tuple[Server, Server], path: str) -> None:
    pages = []
    for server in twins:
        link: str | None = path
        seen = []
        while link:
            status, _, text = server.send("GET", link)
            assert status == 200
            seen.append(re.findall(r'"fullUrl":"([^"]*)"', text))
            following = re.search(r'"relation":"next","url":"[^"]*/fhir/([^"]*)"', text)
            link = following[1] if following else None
        pages.append(seen)
    assert pages[0] == pages[1]


def test_criteria_of_conditional_changes_match_only_the_visible(twins: tuple[Server, Server]) -> None:
    for name in sorted(twins[0].hidden & set(PEOPLE)):
        body = person(name) | {"id": "ignored"}
        for method, path, sent, headers in (
            ("DELETE", f"Patient?identifier=urn:x|{name}", None, {}),
            ("PATCH", f"Patient?identifier=urn:x|{name}", [{"op": "add", "path": "/active", "value": True}], {}),
            ("DELETE", f"Patient/{name}", None, {}),
            ("PATCH", f"Patient/{name}", [{"op": "add", "path": "/active", "value": True}], {}),
            ("POST", "Patient", body, {"If-None-Exist": f"identifier=urn:x|{name}"}),
        ):
            answers = [server.send(method, path, sent, headers) for server in twins]
            assert answers[0][:2] == answers[1][:2], (method, path)


def test_an_id_of_a_hidden_row_cannot_be_taken_over(twins: tuple[Server, Server]) -> None:
    hiding, _ = twins
    name = min(hiding.hidden & set(PEOPLE))
    status, _, text = hiding.send("PUT", f"Patient/{name}", person(name))
    assert status == 403
    assert "exists" not in text
    hiding.policy._hidden = set()
    assert hiding.send("GET", f"Patient/{name}/_history/1")[0] == 200
