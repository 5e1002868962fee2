"""What was read and understood a while ago, by the text that was asked: pollers ask the same again and again.

Only what a text means is remembered, never what was found. A search whose meaning depends on more than its text and the
definitions (the clock, value sets and hierarchies of resources, whether an owner is there) is understood anew.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")
MOST_KEPT = 4_096
LONGEST_REMEMBERED = 1_000
"""Characters of a search that is worth remembering."""
MOST_VALUES_REMEMBERED = 50
"""Values of one that is: what a value means takes a hundred times its length."""


class Remembered(Generic[V]):
    """Values by key; when full, the oldest tenth is forgotten. Threads may make the same twice, which harms nobody."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[Hashable, V] = {}

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value under the key, made when it is asked for first."""
        found = self._values.get(key)
        if found is None:
            found = make()
            self.keep(key, found)
        return found

    def known(self, key: Hashable) -> V | None:
        """The value under the key, None for one that is not kept."""
        return self._values.get(key)

    def keep(self, key: Hashable, value: V) -> None:
        """Keep a value."""
        if len(self._values) >= MOST_KEPT:
            for old in list(self._values)[: MOST_KEPT // 10]:
                self._values.pop(old, None)
        self._values[key] = value
