"""What a single file cannot say of itself: names that exist, overrides that only tighten, spans that do not overlap."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING

from governance.policy.salvage import NOT_VALID
from governance.policy.strictness import at_least_as_strict
from governance.policy.treatments import AUDIENCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from governance.policy.model import PackText, Row
    from governance.policy.reading import Document, Problem
    from governance.policy.rows import InventoryFile

_NO_ROW = "no row of the inventory has this name"
_ALWAYS = datetime.min.replace(tzinfo=UTC)
_FOREVER = datetime.max.replace(tzinfo=UTC)


def inventory_problems(document: Document[InventoryFile], taken: Mapping[str, Row]) -> Iterator[Problem]:
    """Yield rows that stand twice, in this file or in `taken`."""
    for name in dict.fromkeys(row.field for row in (document.partial.rows if document.partial else ())):
        places = document.items("rows", name, by="field")
        for place in places if name in taken else places[1:]:
            yield document.problem((*place, "field"), "a row of this name exists: a row is never redefined")


def pack_problems(document: Document[PackText], inventory: Mapping[str, Row]) -> Iterator[Problem]:
    """Yield what a pack's model alone does not see: names, overrides, order and repetition."""
    pack = document.partial
    if pack is None:
        return
    yield from _name_problems(document, pack, inventory)
    yield from _override_problems(document, pack, inventory)
    if pack.valid_from and pack.valid_to and pack.valid_from >= pack.valid_to:
        yield document.problem(("valid_to",), "must be later than valid_from")
    for key, by in (("overrides", "field"), ("recipients", "id")):
        for name in {getattr(one, by) for one in getattr(pack, key)}:
            for place in document.items(key, name, by=by)[1:]:
                yield document.problem((*place, by), "is there twice")


def _name_problems(document: Document[PackText], pack: PackText, inventory: Mapping[str, Row]) -> Iterator[Problem]:
    for name in sorted(pack.names):
        if name not in inventory:
            yield document.problem(document.item("names", name), f"{_NO_ROW}: no rule, so it cannot be named")
        elif inventory[name].signal:
            yield document.problem(
                document.item("names", name), "a signal of meta is obeyed by every pack, and named by none"
            )
    for recipient in pack.recipients:
        if set(recipient.permitted.fields) - set(inventory):
            place = document.items("recipients", recipient.id, by="id")[0]
            yield document.problem((*place, "permitted", "fields"), f"{_NO_ROW}: one of these fields")


def _override_problems(document: Document[PackText], pack: PackText, inventory: Mapping[str, Row]) -> Iterator[Problem]:
    for own in pack.overrides:
        place = document.items("overrides", own.field, by="field")[0]
        row = inventory.get(own.field)
        if row is None or own.field not in pack.names:
            yield document.problem((*place, "field"), "overrides a field that the pack does not name")
        elif not all(at_least_as_strict(own.treatment, row.treatment(audience)) for audience in AUDIENCES):
            yield document.problem((*place, "treatment"), "is weaker than the inventory's treatment, or not comparable")


def overlap_problems(documents: Sequence[Document[PackText]]) -> Iterator[Problem]:
    """Yield packs of one id, and packs of one system that are in force at the same time."""
    valid = [(document, document.partial) for document in documents if document.partial]
    for (_, first), (document, second) in combinations(valid, 2):
        if first.id == second.id != NOT_VALID:
            yield document.problem(("id",), "a pack of this id exists: a version gets an id of its own")
        elif first.system == second.system != NOT_VALID and _overlap(first, second):
            yield document.problem(("valid_from",), "the pack is in force at the same time as another of its system")


def _overlap(first: PackText, second: PackText) -> bool:
    return (first.valid_from or _ALWAYS) < (second.valid_to or _FOREVER) and (second.valid_from or _ALWAYS) < (
        first.valid_to or _FOREVER
    )
