"""Makes the mutations: a few thousand small edits of official examples, the same ones on every machine.

Sources are the examples of the Gravity and US Core guides, which are not part of this project: a case names its file
and carries the edits, never the content. The one rule: deterministic, for a case and its verdict belong together.

    python -m tests.cases.mutations            # how many cases of each kind there would be
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.builders import official
from tests.cases import edits
from tests.cases.mutation_kinds import KINDS, Edits, Kind
from tests.cases.sites import Site, Tables, walk

SEED = "base-structure-1"
CORE_PACKAGE = "hl7.fhir.r4.core-4.0.1.tgz"
_US_CORE = ("7.0.0", "6.1.0")
_GRAVITY = ("3.0.0", "2.3.0")
_LEFT_OUT = frozenset(  # types that the server does not enable by default
    (
        "AllergyIntolerance",
        "DiagnosticReport",
        "Media",
        "Medication",
        "MedicationDispense",
        "MedicationRequest",
        "Specimen",
    )
)
_FLAWED = frozenset(  # refused as they stand, so judged untouched only
    (
        "us-core-6.1.0/Bundle-66c8856b-ba11-4876-8aa8-467aad8c11a2.json",
        "us-core-6.1.0/Bundle-c887e62f-6166-419f-8268-b5ecd6c7b901.json",
        "us-core-6.1.0/Bundle-docref-example-2.json",
        "us-core-6.1.0/QuestionnaireResponse-prapare-example.json",
    )
)
_MOST_BYTES = 60_000


@dataclass(frozen=True)
class Case:
    """One mutation: `source` is "gravity-3.0.0/Task-x.json"; `edits` apply to the source without its profiles."""

    kind: str
    source: str
    edits: Edits


@cache
def sources() -> dict[str, Any]:
    """Every source by name, without profiles, in a fixed order; none where the official examples are not here."""
    found = {f"gravity-{version}/{n}": t for version in _GRAVITY for n, t in official.gravity_examples(version).items()}
    for version in _US_CORE:
        examples = official.package_examples(f"hl7.fhir.us.core-{version}")
        found |= {f"us-core-{version}/{name}": text for name, text in examples.items()}
    loaded = {name: edits.without_profiles(edits.load(text)) for name, text in found.items()}
    return {name: resource for name, resource in loaded.items() if resource["resourceType"] not in _LEFT_OUT}


def cases() -> list[Case]:
    """All cases: each source as it stands, then each kind."""
    tables = Tables(official.ROOT / "fhir-packages" / CORE_PACKAGE)
    sites = [
        site
        for name, resource in sources().items()
        if name not in _FLAWED and len(edits.dump(resource)) <= _MOST_BYTES
        for site in walk(tables, name, resource)
    ]
    made = [Case("untouched", name, []) for name in sources()]
    for kind in KINDS:
        made.extend(_of_kind(kind, sites))
    return made


def _of_kind(kind: Kind, sites: list[Site]) -> Iterator[Case]:
    """Cases of one kind: each element of each resource type in turn, and there the variant least used so far."""
    chance = random.Random(f"{SEED}:{kind.name}")
    groups: dict[tuple[str, str], list[Site]] = defaultdict(list)
    for site in sites:
        if kind.where(site):
            groups[site.resource_type, site.row.path or site.type].append(site)
    order = sorted(groups)
    chance.shuffle(order)
    used: Counter[int] = Counter()
    seen: set[str] = set()
    for turn in range(kind.count):
        if not order:
            return
        site = chance.choice(groups[order[turn % len(order)]])
        variants = list(kind.variants(site))
        if not variants:
            continue
        index = min(range(len(variants)), key=lambda i: (used[i], i))
        used[index] += 1
        key = f"{site.source} {variants[index]!r}"
        if key not in seen:
            seen.add(key)
            yield Case(kind.name, site.source, variants[index])


def text_of(case: Case) -> str:
    """The mutated resource."""
    return edits.applied(sources()[case.source], case.edits)


if __name__ == "__main__":
    counted = Counter(case.kind for case in cases())
    for kind_name, number in counted.items():
        print(f"{number:5} {kind_name}")
    print(f"{sum(counted.values()):5}")
