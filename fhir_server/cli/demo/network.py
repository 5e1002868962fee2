"""The synthetic network: one clinic, one plan, one hub, three CBOs, six people; each file a transaction Bundle.

Every name, number and address is made up; ids start with `demo-`, so that seeding twice changes nothing that matters.
"""

import json
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files

from fhir_server.cli.demo.http import Caller, JsonObject
from fhir_server.cli.demo.stage import Stage

ORGANIZATIONS = {
    "demo-clinic": "Clinic",
    "demo-plan": "Plan",
    "demo-hub": "Hub",
    "demo-food-bank": "Food bank",
    "demo-shelter": "Shelter",
    "demo-legal-aid": "Legal aid",
}
"""Organization id to the name that the demo prints."""

_SEEDS = (
    ("1-clinic", "demo-clinic", "introduces itself and its staff"),
    ("2-plan", "demo-plan", "introduces itself"),
    ("3-hub", "demo-hub", "introduces itself and assessments"),
    ("4-food-bank", "demo-food-bank", "introduces itself and its groceries"),
    ("5-shelter", "demo-shelter", "introduces itself and its beds"),
    ("6-legal-aid", "demo-legal-aid", "introduces itself and its advice"),
    ("7-people", "demo-clinic", "registers six people and three needs"),
    ("8-coverage", "demo-plan", "tells whom it covers"),
)


def seed(stage: Stage, callers: Mapping[str, Caller]) -> int:
    """Post each file as the organization it belongs to; returns how many resources there are. Raises Differs."""
    stored: Counter[str] = Counter()
    for name, organization, says in _SEEDS:
        bundle = _bundle(name)
        types = Counter(entry["resource"]["resourceType"] for entry in bundle["entry"])
        reply = stage.step(callers[organization], says, "POST ", bundle)
        outcomes = [entry["response"]["status"][:3] for entry in reply.body["entry"]]
        stage.check(("every entry is stored", set(outcomes) <= {"200", "201"} and len(outcomes) == types.total()))
        stage.told(", ".join(f"{count} {type_name}" for type_name, count in types.items()))
        stored += types
    return stored.total()


def _bundle(name: str) -> JsonObject:
    text = files(__package__).joinpath("network", f"{name}.json").read_text(encoding="utf-8")
    bundle: JsonObject = json.loads(text)
    return bundle
