"""What the lake holds, and what may be asked of each column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.analyst import DAILY_DEVICES, HIDDEN, PERSONAL_PREFIX
from transforms.deid.engine import column_catalog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.policy import Catalogue
    from governance.policy.treatments import Audience
    from retention.stores.delta import Table

_NOTHING = "nothing: it is always null here"
_NO_WORDS = "nothing: the words do not enter the table"
_WORDS = "search its words; personal data that was found is replaced, a name that stands alone may remain"
_GROUP = "group, filter, count"
_TOKENS: Mapping[Audience, str] = {
    "anonymous": "distinct ones within one day and system; never across days or systems, nor whose it is",
    "personal": "distinct ones and joins within one system and half-year; never across systems, nor whose it is",
}
_FIXED = {
    "system": _GROUP,
    "event_type": _GROUP,
    "event_date": "group, filter (fastest: it partitions the table)",
    "event_hour": "group, filter; nothing finer than the hour exists",
    "policy": "which policy a row was treated under",
    "due_date": "when a row goes",
}
# By the treatment's own word; what is not listed can be grouped and counted.
_QUESTIONS = {
    "truncate_ip": "group by network; never a household or a device",
    "url_path": "group by page; never the query or what a segment named",
    "count_only": "whether it was there; never what it was",
    "free_text": "how long, in which language; never the words",
    "code_only": "group by code; never the message",
    "city": "group by city; never a place within it",
}


@dataclass(frozen=True, slots=True)
class TableNote:
    """A table or view that can be asked."""

    table: str
    rows: int
    first_date: str | None
    last_date: str | None
    bytes: int
    what: str


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column: what was done to it, what it can answer, and in which systems a policy names it."""

    column: str
    type: str
    field: str
    sensitivity: str
    treatment: str
    ask: str
    requirement: str
    systems: tuple[str, ...] = ()


def describe_tables(tables: Mapping[str, Table]) -> list[TableNote]:
    """Return a note on each table, and on the view that counts devices."""
    notes = [_describe(name, table) for name, table in tables.items()]
    open_to_all = [note for note in notes if not note.table.startswith(PERSONAL_PREFIX)]
    if open_to_all:
        dates = [date for note in open_to_all for date in (note.first_date, note.last_date) if date]
        what = "view: distinct devices and events a day and system"
        notes.append(TableNote(DAILY_DEVICES, 0, min(dates, default=None), max(dates, default=None), 0, what))
    return notes


def describe_columns(name: str, catalogue: Catalogue, table: Table | None) -> list[ColumnFacts]:
    """Return facts about each column of a table of the lake, or of `daily_devices`, where `table` is None."""
    if table is None:
        return list(_DAILY_COLUMNS)
    audience: Audience = "personal" if name.startswith(PERSONAL_PREFIX) else "anonymous"
    notes = column_catalog(catalogue, name.removeprefix(PERSONAL_PREFIX))
    types = {column.name: str(column.type) for column in table.dataset().schema}
    return [
        ColumnFacts(
            note.column,
            types[note.column],
            note.field,
            note.sensitivity,
            said,
            _questions(catalogue, note.column, note.field, said, audience),
            note.requirement,
            tuple(sorted({pack.system for pack in catalogue.packs if note.field in pack.names})),
        )
        for note in notes
        if note.column in types and note.column not in HIDDEN
        for said in (note.anonymous if audience == "anonymous" else note.personal,)
    ]


def _describe(name: str, table: Table) -> TableNote:
    files = table.files()
    dataset = table.dataset()
    sizes = dataset.filesystem.get_file_info(dataset.files) if files else []
    dates = sorted(file.partition for file in files)
    return TableNote(
        table=name,
        rows=sum(file.rows for file in files),
        first_date=dates[0] if dates else None,
        last_date=dates[-1] if dates else None,
        bytes=sum(info.size or 0 for info in sizes),
        what="pseudonymized, for readers of its own" if name.startswith(PERSONAL_PREFIX) else "de-identified, for all",
    )


def _questions(catalogue: Catalogue, column: str, field: str, said: str, audience: Audience) -> str:
    """Return what can and cannot be asked of a column."""
    if said == "null":
        return _NOTHING
    row = catalogue.inventory.get(field)
    if column in _FIXED or row is None:
        return _TOKENS[audience] if column == "subject" else _FIXED.get(column, _GROUP)
    treatment = row.treatment(audience)
    done = treatment.do
    if treatment.do == "free_text" and column == field:
        return _NO_WORDS if treatment.words == "drop" else _WORDS
    return _TOKENS[audience] if done == "pseudonymize" else _QUESTIONS.get(done, _GROUP)


_DAILY_COLUMNS = (
    ColumnFacts("event_date", "string", "", "", "date in +08:00", _GROUP, ""),
    ColumnFacts("system", "string", "", "", "kept", _GROUP, ""),
    ColumnFacts(
        "devices", "int64", "device_id, cookie_id", "N+",
        "distinct tokens of the day: device ids, else cookie ids; null where there is neither, as in a system whose "
        "policy names neither",
        "compare and average over days; never add up: a device counts anew each day", "R-COMB-05",
    ),
    ColumnFacts("events", "int64", "", "", "count of rows", "add up, compare", ""),
)  # fmt: skip
