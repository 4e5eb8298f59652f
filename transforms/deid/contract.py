"""The envelope: what producers may send, built from the inventory's rows of one stream.

One source serves both the strict decoder and the published JSON Schema, which is written beside this file by

    python -m transforms.deid.contract

Rows that are signals belong in `meta`; rows whose treatment rejects the event have no place in the envelope at all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from governance.policy import RECORD_STREAMS, STREAMS, load_catalogue

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from governance.policy import Catalogue, Row

MAX_LINE = 1 << 20
MAX_TEXT = 8 << 10
MAX_DEPTH = 32
REQUIRED = ("system", "event_type", "event_time")

Flag = bool | Annotated[int, msgspec.Meta(ge=0, le=1)] | None
_TYPES: dict[str, Any] = {
    "text": str | None,
    "int64": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None,
    "int16": Annotated[int, msgspec.Meta(ge=-(2**15), le=2**15 - 1)] | None,
    "bool": bool | None,
}
SUBJECT: dict[str, Any] = dict.fromkeys(("account", "cookie", "device"), str | None)


class Provenance(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What must be on record before data of a third party is used (R-PURP-15): a reference, or that it is held."""

    request: str | bool | None = None
    consent_evidence: str | bool | None = None
    content_notice: str | bool | None = None
    legality_commitment: str | bool | None = None

    @property
    def complete(self) -> bool:
        """Say whether all four parts are there."""
        return all(msgspec.structs.astuple(self))


META: dict[str, Any] = {
    "source": str | None,
    "region": str | None,
    "cookie_consent": str | None,
    "dnt": Flag,
    "gpc": Flag,
    "minor_marker": bool | None,
    "user_initiated": bool | None,
    "third_party_authorized": bool | None,
    "provenance": Provenance | None,
}


class Contract:
    """The envelope of one stream.

    Attributes:
        rows: the inventory rows that may stand in `fields`, by name.
        event: strict struct with every name.
    """

    def __init__(self, catalogue: Catalogue, stream: str) -> None:
        self.stream = stream
        self.rows: Mapping[str, Row] = {row.field: row for row in accepted_rows(catalogue, stream)}
        self._types: dict[str, Mapping[str, Any]] = {
            "subject": SUBJECT,
            "fields": {name: _TYPES[row.type] for name, row in self.rows.items()},
            "meta": META,
        }
        self.sections = tuple(self._types)
        self.event = self.struct({section: tuple(types) for section, types in self._types.items()})

    def names(self, section: str) -> Collection[str]:
        """Return every name that `section` may hold."""
        return self._types[section]

    def holds(self, section: str, name: str, value: object) -> bool:
        """Say whether `value` is of the type that `name` has in `section`."""
        try:
            msgspec.convert(value, self._types[section][name])
        except msgspec.ValidationError:
            return False
        return True

    def struct(self, names: Mapping[str, Collection[str]]) -> type[msgspec.Struct]:
        """Return a strict struct of the envelope whose sections know only `names`: fewer names decode faster."""
        members: list[tuple[str, Any, Any]] = [(name, str) for name in REQUIRED]  # type: ignore[misc]
        members.append(("event_id", str | None, None))
        for section, types in self._types.items():
            inner = msgspec.defstruct(
                section.capitalize(),
                [(name, types[name], None) for name in types if name in names[section]],
                forbid_unknown_fields=True,
                gc=False,
            )
            members.append((section, inner | None, None))
        return msgspec.defstruct("Event", members, forbid_unknown_fields=True, gc=False)


def accepted_rows(catalogue: Catalogue, stream: str) -> tuple[Row, ...]:
    """Return the rows that `fields` of `stream` may hold, in inventory order."""
    return tuple(row for row in catalogue.stream_fields(stream) if not row.signal and not rejects(row))


def rejects(row: Row) -> bool:
    """Say whether the inventory refuses any event that carries `row`."""
    return row.treatment("anonymous").do == "reject"


def json_schema(catalogue: Catalogue, stream: str) -> dict[str, Any]:
    """Return the JSON Schema of the envelope of `stream`."""
    schema = msgspec.json.schema(Contract(catalogue, stream).event)
    properties = schema["$defs"]["Event"]["properties"]
    properties["system"]["enum"] = sorted(catalogue.systems)
    properties["event_type"]["enum"] = sorted(catalogue.event_types(stream))
    properties["event_time"].update(
        format="date-time", description="RFC 3339 with zone; not over 10 minutes ahead (R-POL-01)"
    )
    properties["event_id"]["description"] = "names the event for good, so that a repeat is not stored twice"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"ebb envelope of {stream}",
        "description": f"One event a line, at most {MAX_LINE} bytes; one text at most {MAX_TEXT} bytes.",
        **schema,
    }


def schema_path(stream: str) -> Path:
    """Return where the published schema of `stream` lies."""
    return Path(__file__).with_name(f"envelope.{stream}.schema.json")


def schema_text(stream: str) -> str:
    """Return the published form of the schema of `stream`, from the built-in inventory."""
    return json.dumps(json_schema(load_catalogue(), stream), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name in (*STREAMS, *RECORD_STREAMS):
        schema_path(name).write_text(schema_text(name), encoding="utf-8")
