"""A pair of packs, compiled for one stream and one audience: columns in, columns out, nothing left to decide.

The columns of a stream's tables follow from the same rules, so that a plan never writes what the schema lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import pyarrow as pa

from governance.errors import PolicyError
from governance.policy.explain import words
from governance.policy.keyed import Keyed
from governance.policy.treatments import FreeText, Pseudonymize, Suppress, Treatment
from transforms.deid.treatments.keyed import KeyedStep, bind_keyed
from transforms.deid.treatments.registry import Context, bind, columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from governance.policy import Catalogue, PackPair, Row

Audience = Literal["anonymous", "personal"]
AUDIENCES: tuple[Audience, ...] = ("anonymous", "personal")

FIXED = pa.schema([
    ("event_key", pa.binary(16)),
    ("system", pa.string()),
    ("event_type", pa.string()),
    ("event_date", pa.string()),
    ("event_hour", pa.timestamp("us", tz="UTC")),
    ("subject", pa.string()),
    ("policy", pa.string()),
    ("due_date", pa.string()),
])  # fmt: skip
_FIXED_WORDS = {
    "event_key": "keyed hash of the event's id, for duplicates",
    "system": "kept",
    "event_type": "kept",
    "event_date": "date in +08:00",
    "event_hour": "hour in +08:00",
    "policy": "pack in force at event_time, and its digest",
    "due_date": "day from which the row is deleted",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One field: its column in, its columns out.

    Attributes:
        token_kind: the kind of id to make tokens of; None where `treat` does the work.
        treat: distinct values → one array a column.
        keyed: the work of a treatment that needs a key; None where `treat` does it.
        words_by_token: texts, in which tokens are to stand in place of personal data.
    """

    source: str
    columns: tuple[str, ...]
    token_kind: str | None
    treat: Callable[[pa.Array], tuple[pa.Array, ...]]
    keyed: KeyedStep | None = None
    words_by_token: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to the rows of one pair of packs on the way to one audience.

    Attributes:
        subject: kinds of id in order of precedence, each with the columns that may hold one; empty if `subject` stays
            null.
    """

    audience: Audience
    system: str
    citation: str
    steps: tuple[Step, ...]
    subject: tuple[tuple[str, tuple[str, ...]], ...]


class ColumnNote(NamedTuple):
    """What was done to a column, for `ebb catalog`."""

    column: str
    field: str
    sensitivity: str
    anonymous: str
    personal: str
    requirement: str


def compile_plan(pair: PackPair, rows: Sequence[Row], audience: Audience) -> Plan:
    """Compile a pair of packs for the fields of a stream.

    Guarantees:
        A field that either pack does not name has no step, nor has one without a treatment: it cannot pass. On the
        anonymous path classes P and S have none either, on the personal path class S.
    """
    steps = tuple(
        Step(
            source=row.field,
            columns=tuple(column.name for column in columns_of(treatment, row)),
            token_kind=_kind_of(row) if isinstance(treatment, Pseudonymize) else None,
            treat=bind(treatment, Context(row, pair.url_templates)),
            keyed=bind_keyed(treatment, row) if isinstance(treatment, Keyed) else None,
            words_by_token=treatment == FreeText(words="token"),
        )
        for row in rows
        if row.field in pair.names
        for treatment in (for_audience(row, pair.treatment(row, audience), audience),)
        if columns_of(treatment, row)
    )
    subject: tuple[tuple[str, tuple[str, ...]], ...] = ()
    if audience == "personal":
        also = ("remote_user",) if "remote_user" in pair.names else ()
        subject = (
            ("account", ("subject.account", *also)),
            ("cookie", ("subject.cookie",)),
            ("device", ("subject.device",)),
        )
    return Plan(audience, pair.at_event.system, pair.citation, steps, subject)


def for_audience(row: Row, treatment: Treatment, audience: Audience) -> Treatment:
    """Return the treatment, or suppress what the audience may not see in any form (R-COMB-05, R-SENS-02)."""
    if audience == "anonymous" and isinstance(treatment, Keyed) and treatment.personal_only:
        return Suppress()
    if audience == "anonymous" and treatment == FreeText(words="token"):
        treatment = FreeText(words="placeholder")  # a token in a text would tell which texts name one person
    seen = ("N", "N+") if audience == "anonymous" else ("N", "N+", "P")
    return treatment if row.sensitivity in seen else Suppress()


def stream_schema(catalogue: Catalogue, stream: str) -> pa.Schema:
    """Return the columns of a stream's tables: the same for both audiences, those of every pack together.

    Raises:
        PolicyError: two packs would write one column with two types.
    """
    columns = {column.name: column for column in FIXED}
    for row in catalogue.stream_fields(stream):
        for column in _columns_of_row(catalogue, row):
            if columns.setdefault(column.name, column).type != column.type:
                raise PolicyError(
                    f"column {column.name} of {stream} would have two types: "
                    "let the packs' treatments of the field agree, or rename the field"
                )
    return pa.schema(list(columns.values()))


def column_catalog(catalogue: Catalogue, stream: str) -> list[ColumnNote]:
    """Return a note on each column, in the order of the schema; packs may be stricter than it says."""
    notes = [
        ColumnNote(name, "", "", said, said, "R-RET-05" if name == "due_date" else "")
        for name, said in _FIXED_WORDS.items()
    ]
    subject = ColumnNote(
        "subject", "subject", "P", "null", "keyed token of account, else cookie, else device", "R-COMB-03"
    )
    notes.insert(FIXED.get_field_index("subject"), subject)
    for row in catalogue.stream_fields(stream):
        said = [_words(row, audience) for audience in AUDIENCES]
        notes += [
            ColumnNote(column.name, row.field, row.sensitivity, said[0], said[1], row.requirement)
            for column in dict.fromkeys(_columns_of_row(catalogue, row))
        ]
    return notes


def _columns_of_row(catalogue: Catalogue, row: Row) -> Iterator[pa.Field]:
    """Yield the columns that any treatment of the row may make."""
    for audience in AUDIENCES:
        yield from columns_of(row.treatment(audience), row)
        for pack in catalogue.packs:
            yield from columns_of(pack.treatment(row, audience), row)


def _words(row: Row, audience: Audience) -> str:
    treatment = for_audience(row, row.treatment(audience), audience)
    return "null" if isinstance(treatment, Suppress) else words(treatment, audience)


def _kind_of(row: Row) -> str:
    return row.token_kind or row.field
