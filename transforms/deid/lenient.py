"""The second look at a line that the strict decoder refused: find out what is wrong, save what may pass.

In this order: size, form, prohibited names at any depth (R-PURP-07, R-PURP-08), required keys and their types,
the system, then names that the stream does not know (R-PURP-02) and fields of other streams.

In a stream of records, such as transactions, what is prohibited or refused is destroyed and counted, and the record
stays: the law wants it kept.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from governance.policy import RECORD_STREAMS, PackPair
from transforms.deid import instants
from transforms.deid.contract import MAX_DEPTH, MAX_LINE, MAX_TEXT, REQUIRED, Provenance, rejects
from transforms.deid.parsed import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from governance.policy import Catalogue
    from transforms.deid.contract import Contract
    from transforms.deid.prohibited import Prohibited

# The closing quote is optional, or a line of nothing but quotes would be read from each of them to its end.
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_AT = re.compile(r" - at `\$((?:\.[a-z_]+)+)`$")
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_PROVENANCE = frozenset(Provenance.__struct_fields__)
Drop = tuple[str, str]


class Kept(NamedTuple):
    """A record that passes without some of its names.

    Attributes:
        event: the record with known names only.
        tainted: what was removed is personal, so the whole record is (R-COMB-03, R-COMB-12).
        drops: what was removed, as (code, path).
        destroyed: something prohibited was among it, so that the line as read must not be kept either.
    """

    event: dict[str, Any]
    tainted: bool
    drops: list[Drop]
    destroyed: bool = False


class _RefusedError(Exception):
    def __init__(self, code: str, path: str, *, policy: str | None = None) -> None:
        super().__init__(code)
        self.code, self.path, self.policy = code, path, policy


class Document(NamedTuple):
    """A parsed line.

    Attributes:
        root: its value; of a repeated key the last one counts.
        names: every name at any depth, repeated ones too.
        shadowed: (key, object) of objects that a later repetition of the key replaced.
        destroyed: prohibited names that were taken out of it, as (code, path).
    """

    root: Any
    names: set[str]
    shadowed: list[tuple[str, dict[str, Any]]]
    destroyed: tuple[Drop, ...] = ()


class _Loader:
    """Parses lines, one after the other; a parser made once is half the cost."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._shadowed: list[tuple[str, dict[str, Any]]] = []
        self._parse = json.JSONDecoder(object_pairs_hook=self._object).raw_decode

    def __call__(self, line: bytes) -> Document | None:
        """Return the parsed line, or None if it is not well-formed JSON of bearable depth."""
        self._names, self._shadowed = set(), []
        try:
            if _depth(line) > MAX_DEPTH:
                return None
            msgspec.json.decode(line)  # strict where `json` is not: lone surrogates, NaN, numbers out of range
            root = self._parse(line.decode().lstrip(" \t\r\n"))[0]
        except ValueError:
            return None
        return Document(root, self._names, self._shadowed)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        self._names.update(found)
        if len(found) < len(pairs):
            self._shadowed.extend((k, v) for k, v in pairs if isinstance(v, dict) and found[k] is not v)
        return found


def _depth(line: bytes) -> int:
    """Return how deep the brackets outside of strings go; exact up to where a line stops being JSON."""
    if line.count(b"{") + line.count(b"[") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for token in _TOKENS.findall(line):
        if token in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in b"]}":
            depth -= 1
    return deepest


class Lenient:
    """Judges single lines; see the module."""

    def __init__(self, catalogue: Catalogue, contract: Contract, prohibited: Prohibited) -> None:
        self._catalogue = catalogue
        self._contract = contract
        self._prohibited = prohibited
        self._known = {section: frozenset(contract.names(section)) for section in contract.sections}
        self._pack_now = lru_cache(maxsize=256)(catalogue.pack_at)
        self._packs = {name: [one for one in catalogue.packs if one.system == name] for name in catalogue.systems}
        self._load = _Loader()
        self.keeps_records = contract.stream in RECORD_STREAMS

    def __call__(self, line: bytes, now: datetime) -> Kept | Refusal:
        """Return what may pass of `line`, or why nothing may."""
        document = self.read(line)
        return document if isinstance(document, Refusal) else self.judge(document, now)

    def read(self, line: bytes) -> Document | Refusal:
        """Return the parsed line unless it is too large, malformed or holds a prohibited name."""
        if len(line) > MAX_LINE:
            return Refusal("TOO_LARGE", "$", destroy=True)
        document = self._load(line)
        if document is None:
            return self.unparsed(line)
        found = self._prohibited.names(document.names)
        if found and self.keeps_records:
            return self._cleaned(document)
        return Refusal(found.code, found.path, destroy=True) if found else document

    def unparsed(self, line: bytes) -> Refusal:
        """Return the refusal of a line that cannot be parsed: destroyed if it holds a prohibited name."""
        if len(line) > MAX_LINE:
            return Refusal("TOO_LARGE", "$", destroy=True)
        found = self._prohibited.text(line)
        return Refusal(found.code, found.path, destroy=True) if found else Refusal("SCHEMA_MALFORMED", "$")

    def judge(self, document: Document, now: datetime) -> Kept | Refusal:
        """Return what may pass of a parsed record, or why nothing may."""
        try:
            return self._judge(document, now)
        except _RefusedError as error:
            refused = refusal(document.root, error.code, error.path, error.policy)
            return refused._replace(destroy=True) if document.destroyed else refused

    def prohibited_name(self, name: str) -> Drop | None:
        """Return how to count a value under a prohibited name; None if the name is harmless."""
        found = self._prohibited.name(name)
        return (found.code, found.path) if found else None

    def _cleaned(self, document: Document) -> Document:
        """Return the document without prohibited names at any depth."""
        gone: list[Drop] = []

        def clean(value: Any) -> Any:
            if isinstance(value, list):
                return [clean(one) for one in value]
            if not isinstance(value, dict):
                return value
            found = {name: self.prohibited_name(name) for name in value}
            gone.extend(drop for drop in found.values() if drop)
            return {name: clean(one) for name, one in value.items() if found[name] is None}

        root = clean(document.root)
        shadowed = [(name, clean(one)) for name, one in document.shadowed if self.prohibited_name(name) is None]
        names = {name for name in document.names if self.prohibited_name(name) is None}
        # A prohibited name that a later repetition replaced is gone with what it held, and counts once.
        gone = gone or [drop for name in sorted(document.names) if (drop := self.prohibited_name(name))]
        return Document(root, names, shadowed, tuple(gone))

    def personal_names(self, names: Iterable[str]) -> bool:
        """Say whether any of `names` is personal or sensitive in the inventory (R-COMB-03)."""
        rows = (self._catalogue.inventory.get(name) for name in names)
        return any(row is not None and row.sensitivity in ("P", "S") for row in rows)

    def coerced(self, section: str, name: str, value: Any) -> Any:
        """Return `value` as the type of the name where a producer writes numbers as text or text as numbers."""
        row = self._contract.rows.get(name) if section == "fields" else None
        kind = row.type if row else "text"
        if kind == "text" and isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if kind in ("int16", "int64") and isinstance(value, str) and _NUMBER.fullmatch(value):
            return int(value)
        return value

    def _judge(self, document: Document, now: datetime) -> Kept:
        root = document.root
        pair = self._pair(root, now)
        shadows: dict[str, list[str]] = {}
        for key, value in document.shadowed:
            shadows.setdefault(key, []).extend(value)
        drops: list[Drop] = list(document.destroyed)
        tainted, destroyed = False, bool(drops)
        event = {name: root[name] for name in (*REQUIRED, "event_id") if name in root}
        sections = self._contract.sections
        drops += [("SCHEMA_UNKNOWN_FIELD", "?") for name in root if name not in event and name not in sections]
        for section in sections:
            given = {} if root.get(section) is None else root[section]
            if not isinstance(given, dict):
                raise _RefusedError("SCHEMA_TYPE", section)
            known = self._known[section]
            if given.keys() <= known and section not in shadows:
                event[section] = given
                continue
            event[section] = {name: value for name, value in given.items() if name in known}
            for name in {*given, *shadows.get(section, ())} - known:
                drop, personal, refused = self._unknown(section, name, root, pair)
                drops.append(drop)
                tainted |= personal
                destroyed |= refused
        provenance = event.get("meta", {}).get("provenance")
        if isinstance(provenance, dict):
            drops += [("SCHEMA_UNKNOWN_FIELD", "meta.provenance.?") for name in provenance if name not in _PROVENANCE]
            event["meta"] = event["meta"] | {"provenance": {k: v for k, v in provenance.items() if k in _PROVENANCE}}
        if pair.on_unknown == "quarantine":
            for code, path in drops:
                if code == "SCHEMA_UNKNOWN_FIELD":
                    raise _RefusedError(code, path, policy=pair.citation)
        self._check(event)
        return Kept(event, tainted, drops, destroyed)

    def _pair(self, root: Any, now: datetime) -> PackPair:
        """Return the packs that rule the record, which must hold the required keys."""
        if not isinstance(root, dict):
            raise _RefusedError("SCHEMA_TYPE", "$")
        for name in REQUIRED:
            if root.get(name) is None:
                raise _RefusedError("SCHEMA_MISSING", name)
            if not isinstance(root[name], str):
                raise _RefusedError("SCHEMA_TYPE", name)
        system = root["system"]
        if system not in self._catalogue.systems:
            raise _RefusedError("POLICY_NONE", "system")
        instant = instants.parse(root["event_time"])
        if isinstance(instant, str):
            raise _RefusedError(instant, "event_time")
        at_event = next((one for one in self._packs[system] if one.contains(instant)), None)
        at_now = self._pack_now(system, now)
        if at_event is None or at_now is None:
            raise _RefusedError("POLICY_NONE", "event_time")
        return PackPair(at_event, at_now)

    def _unknown(self, section: str, name: str, root: dict[str, Any], pair: PackPair) -> tuple[Drop, bool, bool]:
        """Return how to count a name that the section does not know, if it makes the record personal, if it is refused.

        Raises:
            _RefusedError: it is refused, and the record with it.
        """
        row = self._catalogue.inventory.get(name) if section == "fields" else None
        if row is None or row.event or row.signal or row.envelope:
            # A subject of unknown kind is a subject all the same.
            return ("SCHEMA_UNKNOWN_FIELD", f"{section}.?"), section == "subject", False
        path, code, refused = f"fields.{row.field}", "PURP_NOT_REGISTERED", rejects(row)
        if refused:
            code = row.treatment("anonymous").code  # type: ignore[union-attr]
        elif row.field == "microphone_audio":
            meta = root.get("meta")
            refused = not isinstance(meta, dict) or meta.get("user_initiated") is not True
            code = "AUDIO_NOT_INITIATED" if refused else code
        if refused and not self.keeps_records:
            raise _RefusedError(code, path, policy=pair.citation)
        return (code, path), row.sensitivity in ("P", "S"), refused

    def _check(self, event: dict[str, Any]) -> None:
        try:
            msgspec.convert(event, self._contract.event)
        except msgspec.ValidationError as error:
            found = _AT.search(str(error))
            raise _RefusedError("SCHEMA_TYPE", found[1][1:] if found else "?") from None
        if (path := oversized(event)) is not None:
            raise _RefusedError("TOO_LARGE", path)


def oversized(event: Mapping[str, Any]) -> str | None:
    """Return the path of the first text of an event that is too long, if there is one."""
    return next((path for path, text in _texts(event, "") if len(text.encode()) > MAX_TEXT), None)


def _texts(values: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, str):
            yield prefix + name, value
        elif isinstance(value, dict):
            yield from _texts(value, f"{prefix}{name}.")


def refusal(root: Any, code: str, path: str, policy: str | None = None) -> Refusal:
    """Return a refusal that names the event and its subject as far as `root` tells them."""
    if not isinstance(root, dict):
        return Refusal(code, path)
    system, event_id, subject = (root.get(name) for name in ("system", "event_id", "subject"))
    return Refusal(
        code,
        path,
        system=system if isinstance(system, str) else None,
        event_id=event_id if isinstance(event_id, str) and event_id else None,
        subject=_subject(subject),
        policy=policy,
    )


def _subject(subject: Any, kinds: Sequence[str] = ("account", "cookie", "device")) -> tuple[str, str] | None:
    if not isinstance(subject, dict):
        return None
    return next(((kind, subject[kind]) for kind in kinds if isinstance(subject.get(kind), str)), None)
