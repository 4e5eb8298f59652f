"""Formats of producers who will not change their logs: JSON pointers (RFC 6901) into their documents, in YAML.

    name: gdpr_sample
    event_type: web_log
    event_time: published          # or a pointer, or an instant with zone
    fields: {ip_address: /ip}

What no pointer names is dropped and counted; a prohibited name at any depth still refuses the document.

A mapping that lists `columns` is for text with a delimiter (CSV); its pointers are the columns' names. Since a run
goes on in the middle of a file, where no header stands, the header is part of the mapping:

    columns: [InvoiceNo, InvoiceDate, Country]
    delimiter: ","
    zone: Europe/London            # of times that carry none
    times: [transaction_completed_at]
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from governance.errors import UsageError
from governance.policy.reading import NOT_YAML
from transforms.deid import instants
from transforms.deid.lenient import Document, Kept, refusal
from transforms.deid.parsed import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from transforms.deid.contract import Contract
    from transforms.deid.lenient import Lenient

PUBLISHED = "published"
Pointer = Annotated[str, Field(pattern=r"^(/([^~/]|~[01])*)+$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Path_ = tuple[str, ...]


def _encodable(text: str) -> str:
    """Refuse half a surrogate pair, which YAML can escape and Arrow cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a character") from None
    return text


Text = Annotated[str, Field(min_length=1), AfterValidator(_encodable)]
_MISSING = object()


class FormatMapping(BaseModel):
    """Where a producer's document keeps the parts of the envelope.

    Attributes:
        system: owner of the documents; the segment's if omitted.
        event_type: the inventory's name of what every document reports.
        event_time: a pointer, an instant with zone, or `published`: the time of receipt.
        event_id: pointer to what names the document for good.
        subject: pointers by kind of subject.
        fields: pointers by the inventory's field names.
        meta: constants.
        columns: the header of delimited text; none for JSON.
        delimiter: between two cells.
        zone: IANA name of the zone of times without one; an hour that occurs twice is taken as the later.
        times: fields that hold an instant, written with its zone from then on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Name
    system: Name | None = None
    event_type: Name
    event_time: str
    event_id: Pointer | None = None
    subject: dict[Name, Pointer] = Field(default_factory=dict)
    fields: dict[Name, Pointer] = Field(default_factory=dict)
    meta: dict[Name, Text | bool | int] = Field(default_factory=dict)
    columns: tuple[Text, ...] = ()
    delimiter: Literal[",", ";", "\t", "|"] = ","
    zone: str | None = None
    times: tuple[Name, ...] = ()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and instants.zone_of(value) is None:
            raise ValueError("is no name of a time zone, such as Europe/London")
        return value

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if set(self.times) - set(self.fields):
            raise ValueError("times: only names that stand in fields")
        if self.columns and self.event_time == PUBLISHED:
            raise ValueError("event_time: delimited text has a column for it, or one instant for all")
        if self.columns:
            pointers = [*self.subject.values(), *self.fields.values(), self.event_id, self.event_time]
            named = {_steps(one) for one in pointers if one and one.startswith("/")}
            if len(set(self.columns)) < len(self.columns) or not named <= {(name,) for name in self.columns}:
                raise ValueError("columns: each once, and every pointer names one of them")
        return self

    @field_validator("event_time")
    @classmethod
    def _readable(cls, value: str) -> str:
        if value != PUBLISHED and not value.startswith("/") and isinstance(instants.parse(value), str):
            raise ValueError("is none of: a JSON pointer, an instant with zone, the word published")
        return value


def load_mapping(path: Path) -> FormatMapping:
    """Return the mapping in the YAML file `path`.

    Raises:
        UsageError: there is no such file, or it is not a mapping; the message names the place, never a value.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise UsageError(
            f"no format is called {path.name!r}: use native, apache_combined, {', '.join(builtin_mappings())}"
            " or the path of a mapping that ends in .yaml"
        )
    try:
        return FormatMapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError:
        raise UsageError(f"the mapping {path.name} cannot be read: check the path") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise UsageError(f"{path.name}: {where}: {first['msg']}") from None
    except NOT_YAML as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path.name}{where}: not YAML in UTF-8; correct the file") from None


@lru_cache(maxsize=1)
def builtin_mappings() -> Mapping[str, FormatMapping]:
    """Return the mappings that ship with ebb, by name."""
    found = map(load_mapping, sorted(Path(__file__).with_name("mappings").glob("*.yaml")))
    return {mapping.name: mapping for mapping in found}


def check_mapping(mapping: FormatMapping, contract: Contract) -> None:
    """Raise UsageError if `mapping` fills a name that the stream's envelope does not have, or one with another type."""
    for name in _strange(mapping, contract):
        raise UsageError(f"mapping {mapping.name}: {name} is no name of the stream {contract.stream} or of its type")


def fits(mapping: FormatMapping, contract: Contract) -> bool:
    """Say whether the stream's envelope has every name that `mapping` fills."""
    return not any(_strange(mapping, contract))


def _strange(mapping: FormatMapping, contract: Contract) -> Iterator[str]:
    for section in contract.sections:
        for name in getattr(mapping, section):
            if name not in contract.names(section):
                yield f"{section}.{name}"
    for name, value in mapping.meta.items():
        if name in contract.names("meta") and not contract.holds("meta", name, value):
            yield f"meta.{name}"


def map_lines(
    mapping: FormatMapping,
    lenient: Lenient,
    lines: Sequence[bytes],
    *,
    systems: Sequence[str | None],
    published: Sequence[datetime],
    now: datetime,
) -> list[Kept | Refusal]:
    """Return each document of `lines` brought into the envelope, or why it does not pass.

    Args:
        mapping: the format.
        lenient: judges documents and envelopes.
        lines: one JSON document each.
        systems: per line, its owner if the mapping names none.
        published: per line, when it was received.
        now: picks the pack of now.
    """
    mapper = _Mapper(mapping, lenient)
    return [mapper(line, system, when, now) for line, system, when in zip(lines, systems, published, strict=True)]


class _Mapper:
    def __init__(self, mapping: FormatMapping, lenient: Lenient) -> None:
        self._mapping = mapping
        self._lenient = lenient
        self._subject = {kind: _steps(pointer) for kind, pointer in mapping.subject.items()}
        self._fields = {name: _steps(pointer) for name, pointer in mapping.fields.items()}
        self._single = {
            name: _steps(pointer)
            for name, pointer in (("event_time", mapping.event_time), ("event_id", mapping.event_id))
            if pointer and pointer.startswith("/")
        }
        self._used = {*self._subject.values(), *self._fields.values(), *self._single.values()}

    def __call__(self, line: bytes, system: str | None, published: datetime, now: datetime) -> Kept | Refusal:
        document = self._lenient.read(line)
        if isinstance(document, Refusal):
            return document
        envelope = self._envelope(document.root, self._mapping.system or system, published)
        if not isinstance(document.root, dict):
            return refusal(envelope, "SCHEMA_TYPE", "$")
        kept = self._lenient.judge(Document(envelope, document.names, [], document.destroyed), now)
        if isinstance(kept, Refusal):
            return kept
        left = [path for path in _leaves(document.root) if not self._covered(path)]
        tainted = kept.tainted or self._lenient.personal_names(document.names - self._named())
        drops = [*kept.drops, *[("SCHEMA_UNKNOWN_FIELD", "?")] * len(left)]
        return Kept(kept.event, tainted, drops, kept.destroyed)

    def _envelope(self, root: Any, system: str | None, published: datetime) -> dict[str, Any]:
        """Return the envelope; what the document lacks is left out."""
        envelope: dict[str, Any] = {"system": system, "event_type": self._mapping.event_type}
        if "event_time" not in self._single:
            constant = self._mapping.event_time
            envelope["event_time"] = published.isoformat() if constant == PUBLISHED else constant
        envelope |= {name: value for name, steps in self._single.items() if (value := _at(root, steps)) is not None}
        for section, pointers in (("subject", self._subject), ("fields", self._fields)):
            values = {name: _at(root, steps) for name, steps in pointers.items()}
            envelope[section] = {
                name: self._lenient.coerced(section, name, value) for name, value in values.items() if value is not None
            }
        if self._mapping.zone:
            self._add_zone(envelope)
        return envelope | {"meta": dict(self._mapping.meta)}

    def _add_zone(self, envelope: dict[str, Any]) -> None:
        zone = self._mapping.zone
        assert zone is not None
        for section, name in ((envelope, "event_time"), *((envelope["fields"], name) for name in self._mapping.times)):
            if isinstance(section.get(name), str):
                section[name] = instants.with_zone(section[name], zone)

    def _covered(self, path: Path_) -> bool:
        return any(path[: len(steps)] == steps for steps in self._used)

    def _named(self) -> set[str]:
        return {step for steps in self._used for step in steps}


def _steps(pointer: str) -> Path_:
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def _at(value: Any, steps: Path_) -> Any:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and len(step) < len("1000000") and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _leaves(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the paths of everything that holds nothing further; documents are at most 32 deep."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from _leaves(one, (*path, str(key)))
    if not isinstance(value, dict | list) or not value:
        yield path
