"""What is there before a change: the current versions of what drafts name, read one by one or many at once.

https://hl7.org/fhir/R4/http.html#concurrency  Read under the predicate of the principal; whether an invisible row
holds an id is asked apart, and only to keep two resources from sharing it.
"""

from collections import defaultdict
from collections.abc import Sequence

from fhir_server.interactions.context import Context, Draft
from fhir_server.store import reading
from fhir_server.store.stored import Stored
from fhir_server.store.visibility import ALL_ROWS

_WORTH_READING_AHEAD = 4
_Key = tuple[str, str]


class Current:
    """The versions that a set of drafts would supersede."""

    __slots__ = ("_ahead", "_context", "_hidden")

    def __init__(self, context: Context, drafts: Sequence[Draft]) -> None:
        self._context = context
        self._ahead: dict[_Key, Stored | None] = {}
        self._hidden: dict[_Key, bool] = {}
        named = [d for d in drafts if d.resource_id is not None and d.base is None and not d.is_new]
        if len(named) >= _WORTH_READING_AHEAD:
            self._read_ahead(named)

    def of(self, draft: Draft) -> Stored | None:
        """The version that the draft would supersede, tombstones included; None when there is none to be seen."""
        if draft.base is not None:
            return draft.base
        if draft.resource_id is None or draft.is_new:
            return None
        key = (draft.type_name, draft.resource_id)
        if key in self._ahead:
            return self._ahead[key]
        context = self._context
        visible = context.visible(draft.interaction, draft.type_name)
        number = context.core.definitions.resource_types[draft.type_name]
        return reading.read_current(context.rows, number, draft.resource_id, tenant=context.tenant, visible=visible)

    def is_hidden(self, draft: Draft) -> bool:
        """Whether a row that the principal cannot see holds the draft's id."""
        context = self._context
        if draft.resource_id is None or context.visible(draft.interaction, draft.type_name).key == ALL_ROWS.key:
            return False
        key = (draft.type_name, draft.resource_id)
        if key in self._hidden:
            return self._hidden[key]
        number = context.core.definitions.resource_types[draft.type_name]
        found = reading.read_current(context.rows, number, draft.resource_id, tenant=context.tenant, visible=ALL_ROWS)
        return found is not None

    def _read_ahead(self, named: Sequence[Draft]) -> None:
        context = self._context
        groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        for draft in named:
            groups[draft.interaction, draft.type_name].append(draft.resource_id or "")
        for (interaction, type_name), ids in groups.items():
            visible = context.visible(interaction, type_name)
            number = context.core.definitions.resource_types[type_name]
            found = reading.read_many(context.rows, number, ids, tenant=context.tenant, visible=visible)
            self._ahead |= {(type_name, i): found.get(i) for i in ids}
            if visible.key != ALL_ROWS.key:
                every = reading.read_many(context.rows, number, ids, tenant=context.tenant, visible=ALL_ROWS)
                self._hidden |= {(type_name, i): i in every for i in ids}
