"""Planting: events of every system whose every part holds an identifier that occurs nowhere else."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import TYPE_CHECKING, Any

from tests.canary.scanning import Planted
from transforms.deid.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from governance.policy import Catalogue, Row

_STEM = "Qxzvk"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ACCEPTED = {"service_log": "web_log", "equipment": "equipment_info"}
NUMBERS = {"http_status": 404, "response_bytes": 73918}
"""Fields that may be kept as they are: plain numbers, the same in every event."""


@dataclass(slots=True)
class Garden:
    """Hands out values and remembers them.

    Attributes:
        planted: every value so far.
        when: event time of ordinary events.
    """

    planted: list[Planted] = field(default_factory=list)
    when: datetime = field(default_factory=lambda: datetime.now(tz=UTC) - timedelta(hours=3))

    def ids(self) -> tuple[str, str]:
        """Return letters and a number that were never used before."""
        number = len(self.planted)
        return _STEM + _word(number), f"7391846{number:05d}"

    def note(self, where: str, value: str, *needles: str) -> str:
        """Remember a value, which is returned."""
        self.planted.append(Planted(where, value, needles))
        return value

    def text(self, where: str) -> str:
        """Return an e-mail address, a phone number, a name or a mixture."""
        word, number = self.ids()
        values = (
            f"{word}.{number}@{word}.example",
            f"+86 {number[:3]} {number[3:7]} {number[7:]}",
            f"王伟 {word} {number}",
            f"{word}{number}",
            f"call {word} at {number}, 南京路{number}号",
        )
        value = values[len(self.planted) % len(values)]
        return self.note(where, value, word, number) if word in value else self.note(where, value, value[4:], number)

    def identifier(self, where: str) -> str:
        """Return words around an identifier that detection knows by its form; the words themselves may stay."""
        word, number = self.ids()
        email, phone = f"{word}.{number}@{word}.example", f"138{number[-8:]}"
        if len(self.planted) % 2:
            return self.note(where, f"write to {email} please", email, word, number)
        return self.note(where, f"电话 {phone}, 谢谢", phone)

    def plain(self, name: str, where: str) -> str:
        """Return what `text` does, whatever the field expects."""
        return self.text(where)

    def shaped(self, name: str, where: str) -> str:
        """Return a value of the form that the field expects, an identifier in it."""
        word, number = self.ids()
        both, slot = word + number, len(self.planted)
        address = f"198.18.{100 + slot // 155 % 155}.{100 + slot % 155}"
        mac = f"02739184{slot:04x}"
        form: dict[str, tuple[str, tuple[str, ...]]] = {
            "page_url": (f"https://{both}:pw@{both}.example.com/u/{both};{both}/{number}.html?q={both}#{both}", ()),
            "referrer": (f"https://{both}.example.com/{both}/?mail={both}%40{both}.example", ()),
            "user_agent": (f"Mozilla/5.0 (X11; Linux x86_64; {both}) Chrome/120.0.{number} {both}/1.0", ()),
            "ip_address": (address, (address.replace(".", ""),)),
            "mac_address": (":".join(mac[at : at + 2] for at in range(0, 12, 2)), (mac,)),
            "device_model": (f"SM-{both}", ()),
            "os_version": (f"Android 12.{number} {both}", ()),
            "browser_version": (f"Chrome 120.{number}", ()),
            "browser_type": (f"Chrome {both}", ()),
            "memory_info": (f"8.{number[:6]} GB", ()),
            "cpu_info": (f"Intel(R) Core(TM) i7 {both}", ()),
            "gps_location": (f"31.23{number},121.47{number}", (f"23{number}", f"47{number}")),
            "location_feature": (f"31.23{number},121.47{number}", (f"23{number}", f"47{number}")),
            "ui_language": (f"zh-CN-{both}", ()),
            "cookie_site_name": (f"{both}.example.com", ()),
            "abnormal_info": (f"ERR_TIMEOUT: {both} could not be reached", ()),
            "access_time": ((self.when - timedelta(days=1)).strftime("%Y-%m-%dT05:13:22.") + f"{slot:06d}Z", ()),
        }
        value, needles = form.get(name, (f"{number} {word}", ()))
        needles += tuple(one for one in (word, number) if one in value)
        return self.note(where, value, *needles)


@dataclass(frozen=True, slots=True)
class Planter:
    """Makes the lines of one stream."""

    garden: Garden
    catalogue: Catalogue
    stream: str

    def lines(self) -> list[bytes]:
        """Return events of every system, and lines that are none."""
        contract = Contract(self.catalogue, self.stream)
        lines = [
            json.dumps(event, ensure_ascii=False).encode()
            for system in sorted(self.catalogue.systems)
            for event in self._of_system(system, contract)
        ]
        lines += [json.dumps(event).encode() for event in self._each_name(contract)]
        return [*lines, *self._broken()]

    def _event(self, where: str, system: str, **changes: Any) -> dict[str, Any]:
        text = self.garden.text
        event = {
            "event_id": text(f"{where} event_id"),
            "system": system,
            "event_type": _ACCEPTED[self.stream],
            "event_time": self.garden.when.isoformat(),
            "subject": {kind: text(f"{where} subject.{kind}") for kind in ("account", "cookie", "device")},
            "meta": {"region": text(f"{where} meta.region"), "source": text(f"{where} meta.source")},
        }
        return event | changes

    def _of_system(self, system: str, contract: Contract) -> Iterator[dict[str, Any]]:
        garden, at = self.garden, f"{self.stream} of {system}:"
        proof = ("request", "consent_evidence", "content_notice", "legality_commitment")
        everything = {
            "region": garden.text(f"{at} meta.region"),
            "cookie_consent": garden.text(f"{at} meta.cookie_consent"),
            "source": "third_party",
            "user_initiated": True,
            "provenance": {name: garden.text(f"{at} meta.provenance.{name}") for name in proof},
        }
        for name, make in (("text", garden.plain), ("shaped", garden.shaped)):
            fields = {row.field: self._value(row, make, f"{at} {row.field}, {name}") for row in contract.rows.values()}
            yield self._event(at, system, fields=fields, meta=everything)
            for signal in ("dnt", "minor_marker"):
                yield self._event(f"{at} {signal}", system, fields=fields, meta={signal: True})
            yield self._event(f"{at} unproven", system, fields=fields, meta={"source": "third_party"})
        unknown = garden.text(f"{at} value of an unknown name")
        for section in ("fields", "subject", "meta", "provenance"):
            name = garden.text(f"{at} unknown name in {section}")
            inner = {name: unknown, "nested": {name: [unknown, {"deep": unknown}]}}
            changes = {"meta": {"provenance": inner}} if section == "provenance" else {section: inner}
            yield self._event(f"{at} unknown", system, **changes)
        yield self._event(f"{at} unknown", system) | {garden.text(f"{at} unknown name"): unknown}
        yield self._event(f"{at} type", system, event_type=garden.text(f"{at} event_type"))
        yield self._event(f"{at} time", system, event_time=garden.text(f"{at} event_time"))
        for days in (30, -400):
            yield self._event(f"{at} time", system, event_time=(garden.when + timedelta(days=days)).isoformat())
        long = garden.text(f"{at} oversized")
        yield self._event(f"{at} oversized", system, fields={"device_model": f"{long} {'x' * 9000} {long}"})

    def _value(self, row: Row, make: Callable[[str, str], str], where: str) -> str | int:
        if row.type != "text":
            return NUMBERS[row.field]
        keeps_words = getattr(row.analytics, "words", "drop") != "drop"
        return self.garden.identifier(where) if keeps_words else make(row.field, where)

    def _each_name(self, contract: Contract) -> Iterator[dict[str, Any]]:
        """Yield an event for each row of the inventory that the stream does not take, and wrong types of the others."""
        systems = cycle(sorted(self.catalogue.systems))
        for name in self.catalogue.inventory:
            at = f"{self.stream} with {name}"
            value = self.garden.text(at)
            if name not in contract.rows:
                yield self._event(at, next(systems), fields={name: value})
                yield self._event(at, next(systems), fields={"device_features": {name: [value]}})
            else:
                yield self._event(at, next(systems), fields={name: {"nested": [value]}})
        yield self._event("unknown system", self.garden.text("system"))

    def _broken(self) -> Iterator[bytes]:
        text, at = self.garden.text, f"{self.stream}, unparsable:"
        yield f'{{"system": "sepp", "fields": {{"page_url": "{text(f"{at} cut")}'.encode()
        yield f"{text(f'{at} bare')} is no JSON".encode()
        yield f'{{"password": "{text(f"{at} secret")}"'.encode()
        yield b'{"system": "sepp", "fields": {"page_url": "' + text(f"{at} not UTF-8").encode() + b'\xff"}}'
        yield json.dumps(self._event(f"{at} UTF-16", "sepp")).encode("utf-16-be")
        yield ("[" * 60 + f'"{text(f"{at} deep")}"' + "]" * 60).encode()
        yield f'["{text(f"{at} array")}"]'.encode()
        yield f'{{"system": "sepp", "event_type": "{text(f"{at} surrogate")} \\ud800"}}'.encode()
        twice = (text(f"{at} repeated"), text(f"{at} repeated"))
        yield (
            json.dumps(self._event(at, "sepp"))
            .replace("{", f'{{"fields": {{"{twice[0]}": "{twice[1]}"}}, ', 1)
            .encode()
        )
        yield (f'{{"system": "{text(f"{at} huge")}", "fields": "' + "y" * (1 << 20) + '"}').encode()


def access_log(garden: Garden, lines: int = 8) -> list[bytes]:
    """Return lines of Apache's combined format, some of them broken, an identifier in every part."""
    made = []
    for number in range(lines):
        host, ident, user, agent, page, referrer = (
            garden.shaped(name, f"access log {name}")
            for name in ("ip_address", "ident", "remote_user", "user_agent", "page_url", "referrer")
        )
        rest = garden.text("access log, behind the known parts").replace(" ", "_")
        ident, user = ident.replace(" ", ""), user.replace(" ", "_")
        when = garden.when.strftime("%d/%b/%Y:%H:%M:%S +0000")
        line = f'{host} {ident} {user} [{when}] "GET {page} HTTP/1.1" 200 73918 "{referrer}" "{agent}" {rest}'
        made.append((line if number % 2 else line.replace("]", "", 1)).encode())
    return made


def _word(number: int) -> str:
    """Return five letters for a number."""
    return "".join(_LETTERS[number // 26**place % 26] for place in range(math.ceil(math.log(10**7, 26))))
