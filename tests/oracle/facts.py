"""What a search is judged on: the resources, the definitions, the server's base and the clock."""

from dataclasses import dataclass, field
from typing import Any

from fhir_server.definitions import Definitions, SearchParameter
from tests.oracle.elements import Evaluator, Node
from tests.oracle.references import Target, canonical, target


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One current resource; `pk` is the order of creation, `updated` in epoch microseconds."""

    pk: int
    updated: int
    resource: dict[str, Any]

    @property
    def type_name(self) -> str:
        """Its type."""
        return str(self.resource["resourceType"])

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.resource["id"])

    @property
    def name(self) -> tuple[str, str]:
        """Type and id."""
        return self.type_name, self.id


@dataclass(slots=True)
class Facts:
    """All of it; what an expression selects from a record is kept, since it is asked for often."""

    records: list[Record]
    definitions: Definitions
    base: str
    now: int
    _by_name: dict[tuple[str, str], Record] = field(init=False)
    _evaluator: Evaluator = field(init=False)
    _nodes: dict[tuple[int, str, str], list[Node]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Makes the look-ups."""
        self._by_name = {record.name: record for record in self.records}
        self._evaluator = Evaluator(self.definitions)

    def record(self, type_name: str, resource_id: str) -> Record | None:
        """The record of that name."""
        return self._by_name.get((type_name, resource_id))

    def of_type(self, type_name: str) -> list[Record]:
        """The records of a type."""
        return [record for record in self.records if record.type_name == type_name]

    def parameter(self, type_name: str, code: str) -> SearchParameter | None:
        """The parameter of that type and code."""
        return self.definitions.search_parameter(type_name, code)

    def nodes(self, record: Record, parameter: SearchParameter) -> list[Node]:
        """What the parameter's expression selects from a record."""
        key = record.pk, record.type_name, parameter.code
        if key not in self._nodes:
            start = Node(record.resource, record.type_name)
            found = self._evaluator.select(parameter.expression, start)
            self._nodes[key] = [inner for node in found for inner in self._valued(node)]
        return self._nodes[key]

    def _valued(self, node: Node) -> list[Node]:
        """An extension stands for its value, if it has one."""
        return (self._evaluator.select("value", node) or [node]) if node.type == "Extension" else [node]

    def below(self, node: Node, expression: str) -> list[Node]:
        """What an expression selects from a node."""
        return self._evaluator.select(expression, node)

    def target(self, text: Any) -> Target | None:
        """The target of a reference's text."""
        return target(text, self.base, self.definitions.resource_types)

    def target_of(self, node: Node) -> Target | None:
        """The target of a Reference, uri or canonical."""
        if node.type == "Reference":
            return self.target(node.value.get("reference"))
        return self.target(canonical(node.value)[0] if node.type == "canonical" else node.value)

    def linked(self, record: Record, parameter: SearchParameter) -> list[Record]:
        """The records that a reference parameter leads to: by type and id, or by the URL of a canonical."""
        found = []
        for node in self.nodes(record, parameter):
            goal = self.target_of(node)
            if goal is not None and goal.is_local:
                there = self.record(goal.type_name, goal.id)
                found += [there] if there is not None else []
            elif goal is not None and node.type == "canonical":
                found += self._with_url(*canonical(node.value))
        return found

    def _with_url(self, url: str, version: str) -> list[Record]:
        return [
            record
            for record in self.records
            if record.resource.get("url") == url and version in {"", record.resource.get("version")}
        ]
