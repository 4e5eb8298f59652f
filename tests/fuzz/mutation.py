"""Changing a sound document by what the bytes of a fuzzer say: deeper places are reached than by flipping bits of text.

The same bytes give the same document, so that a finding can be kept as a test.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

T = TypeVar("T")
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan"),
    "", " ", "\0", "\ud800", "\ufeff", "\u202e", "a" * 300, "*", "-", "/", "//", "~", "{}", "0", "no", "published",
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "2026-02-29T00:00:00Z",
    "2026-10-31T08:00:00", "2026-12-31T23:59:60Z", "2026-10-31 08:00+08:00", "24:00:00", "Asia/Shanghai", "../x",
    "203.0.113.7", "::1", "::ffff:1.2.3.4%eth0", "https://[::1]/a", "http://a@b:99999/x?y#z", "password", "email",
    [], {}, [[]], {"": {}}, ["x", "x"], {"do": "keep"}, {"do": "keep", "shape": "code", "values": ["a"]},
    {"do": "suppress"}, {"do": "bucket", "unit": "GiB", "edges": [2, 1]}, {"do": "truncate_ip", "v4": 33, "v6": -1},
    {"do": "hierarchy", "file": "../x.csv", "level": 1}, {"do": "categorize", "bands": {"x": []}}, {"value": 0},
)  # fmt: skip


class Bytes:
    """Hands out the bytes of an input one after the other, then zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, limit: int) -> int:
        """Return a number from 0 to below `limit`."""
        taken = self._data[self._at : self._at + 2]
        self._at += 2
        return int.from_bytes(taken, "big") % limit

    def one_of(self, choices: list[T]) -> T:
        """Return one of the choices."""
        return choices[self.below(len(choices))]

    def text(self) -> str:
        """Return up to 40 characters of the input."""
        length = self.below(40)
        taken = self._data[self._at : self._at + length]
        self._at += length
        return taken.decode("utf-8", "replace")


def mutate(document: Any, data: bytes) -> Any:
    """Return `document` with one to four changes; it is left as it was."""
    source = Bytes(data)
    changed = [copy.deepcopy(document)]
    for _ in range(1 + source.below(4)):
        _change(changed, source)
    return changed[0]


def _change(root: list[Any], source: Bytes) -> None:
    """Go down some way and replace, remove, repeat or add what is there."""
    holder: Any = root
    key: Any = 0
    while isinstance(holder[key], dict | list) and holder[key] and source.below(5):
        holder = holder[key]
        key = source.one_of(list(holder) if isinstance(holder, dict) else list(range(len(holder))))
    what = source.below(6)
    if what == 0 and holder is not root:
        del holder[key]
    elif what == 1 and isinstance(holder, list) and holder is not root:
        holder.append(copy.deepcopy(holder[key]))
    elif what == 2 and isinstance(holder, dict):
        holder[source.text()] = _value(source)
    else:
        holder[key] = _value(source)


def _value(source: Bytes) -> Any:
    return source.text() if source.below(3) == 0 else copy.deepcopy(source.one_of(list(_VALUES)))
