"""The stage: each step is sent, printed, and held against what the guide says; the first difference ends the walk."""

from collections.abc import Mapping, Sequence
from typing import Any

from fhir_server.cli.demo.http import Caller, JsonObject, Reply
from fhir_server.cli.demo.page import Page, Row

Check = tuple[str, bool]


class Differs(Exception):
    """A step was not as the guide says; the message is for people."""


class Stage:
    """Plays steps; `task` is what is known of the referral's Task, drawn beside each."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.milliseconds = 0.0
        self.steps = 0
        self._task = "-"

    def step(
        self,
        who: Caller,
        says: str,
        request: str,
        body: JsonObject | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        expect: int = 200,
    ) -> Reply:
        """Send `METHOD path`, print the step, and raise Differs when the status is another than expected."""
        method, _, path = request.partition(" ")
        reply = who.send(method, path, body, headers)
        self.steps += 1
        self.milliseconds += reply.milliseconds
        if reply.body.get("type") != "history":
            for resource in (reply.body, *reply.resources):
                self._watch(resource)
        shown = f"{method} {f'/fhir/{path}'.rstrip('/')}" + "".join(
            f"  {name}: {value}" for name, value in (headers or {}).items()
        )
        good = reply.status == expect
        row = Row(who.name, says, shown, reply.status, reply.reason, self._task, reply.milliseconds, good)
        self.page.step(row)
        if not good:
            self._differ(f"expected {expect}; {diagnostics(reply.body)}")
        return reply

    def check(self, *checks: Check) -> None:
        """Hold what was answered against the guide: (what should be so, whether it is)."""
        for text, holds in checks:
            if not holds:
                self._differ(text)

    def told(self, text: str) -> None:
        """What a person would take from the answer."""
        self.page.aside(text)

    def _watch(self, resource: JsonObject) -> None:
        if resource.get("resourceType") == "Task":
            self._task = f"{resource['status']} v{resource['meta']['versionId']}"

    def _differ(self, text: str) -> None:
        self.page.difference(text)
        raise Differs(text)


def diagnostics(outcome: Mapping[str, Any]) -> str:
    """The text of an OperationOutcome's first issue, with its place."""
    issues: Sequence[Mapping[str, Any]] = outcome.get("issue") or [{}]
    place = "".join(f" at {e}" for e in issues[0].get("expression", ()))
    return f"{issues[0].get('diagnostics', 'no reason given')}{place}"
