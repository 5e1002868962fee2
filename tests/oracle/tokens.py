"""Tokens: a system and a code. https://hl7.org/fhir/R4/search.html#token .

Codes are compared as they are written. The system of a `code` is the one that its required binding says.
"""

from dataclasses import dataclass

from fhir_server.definitions import Definitions
from tests.oracle.elements import Node
from tests.oracle.query import Refused, split, unescape


@dataclass(frozen=True, slots=True)
class Token:
    """`system` "" is none."""

    system: str
    code: str


def of_node(node: Node, definitions: Definitions) -> list[Token]:
    """The tokens of a value; none for one that has neither system nor code."""
    value = node.value
    if node.type == "CodeableConcept":
        found = [_pair(coding, "code") for coding in value.get("coding", ())]
    elif node.type == "Coding":
        found = [_pair(value, "code")]
    elif node.type == "Identifier":
        found = [_pair(value, "value")]
    elif node.type == "ContactPoint":
        found = [Token("", value.get("value", ""))]
    elif node.type == "code":
        found = [Token(_bound_system(node, definitions), value)]
    elif isinstance(value, bool):
        found = [Token("", "true" if value else "false")]
    else:
        found = [Token("", str(value))] if isinstance(value, str | int) else []
    return [token for token in found if token.system or token.code]


def _pair(value: dict[str, str], member: str) -> Token:
    return Token(value.get("system", ""), value.get(member, ""))


def _bound_system(node: Node, definitions: Definitions) -> str:
    bound = definitions.value_sets.get(node.binding)
    if bound is None:
        return ""
    systems = [system for system, codes in bound.by_system.items() if node.value in codes]
    return systems[-1] if systems else bound.only_system or ""


def texts(node: Node) -> list[str]:
    """What `:text` looks at: CodeableConcept.text, Coding.display, Identifier.type.text."""
    value = node.value
    if node.type == "CodeableConcept":
        found = [value.get("text"), *(coding.get("display") for coding in value.get("coding", ()))]
    elif node.type == "Coding":
        found = [value.get("display")]
    elif node.type == "Identifier":
        found = [value.get("type", {}).get("text")]
    else:
        found = []
    return [text for text in found if text]


def is_of_type(node: Node, asked: list[str]) -> bool:
    """Whether an identifier has the system and code of a type, and the value."""
    if node.type != "Identifier" or node.value.get("value") != asked[2]:
        return False
    types = node.value.get("type", {}).get("coding", ())
    return any((coding.get("system"), coding.get("code")) == (asked[0], asked[1]) for coding in types)


def read(text: str, label: str) -> tuple[str | None, str]:
    """A search value: the system (None: any) and the code ("": any)."""
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) == 1:
        return None, parts[0]
    if len(parts) > 2 or parts == ["", ""]:
        raise Refused(f"{label}: expected code, system|code, |code or system|")
    return parts[0], parts[1]


def compares(stored: Token, asked: tuple[str | None, str]) -> bool:
    """Whether a stored token is the one asked for."""
    system, code = asked
    return (system is None or stored.system == system) and (stored.code == code or (not code and bool(system)))
