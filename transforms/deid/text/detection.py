"""Find personal data in a text: one gate in linear time, then only the detectors that it let through."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import re2

from transforms.deid.text import (
    abroad,
    accounts,
    births,
    english_names,
    identity,
    money,
    near,
    network,
    people,
    phones,
    places,
    travel,
)
from transforms.deid.text.normal import normal
from transforms.deid.text.spans import NUMBER, Span, resolve
from transforms.deid.text.traditional import SIMPLIFIED

if TYPE_CHECKING:
    from transforms.deid.text.spans import Detector

DETECTORS: Final[tuple[Detector, ...]] = (
    *phones.DETECTORS,
    *abroad.DETECTORS,
    *identity.DETECTORS,
    *near.DETECTORS,
    *travel.DETECTORS,
    *money.DETECTORS,
    *network.DETECTORS,
    *accounts.DETECTORS,
    *births.DETECTORS,
    *english_names.DETECTORS,
    *people.DETECTORS,
    *places.DETECTORS,
)


def _gate() -> re2.Set:
    options = re2.Options()
    options.max_mem = 64 << 20
    options.log_errors = False
    gate = re2.Set.SearchSet(options)
    for detector in DETECTORS:
        gate.Add(detector.gate)
    gate.Compile()
    return gate


_GATE: Final = _gate()


def _han() -> str:
    """Return the Chinese characters that are in normal form, as the inside of a character class."""
    edges = [0x4DFF, *sorted(SIMPLIFIED), 0xA000]
    return "".join(f"{chr(low + 1)}-{chr(high - 1)}" for low, high in pairwise(edges) if high - low > 1)


# Scripts in which no character is another form of a digit, a letter, a dash or a space, and none is invisible: such a
# text is in normal form as it stands. The two dashes and spaces of Latin-1 are left out on purpose.
CALM: Final = (
    r"\x00-\x7f\x{c0}-\x{ff}\x{400}-\x{4ff}\x{3001}\x{3002}\x{3041}-\x{3096}\x{30a1}-\x{30fa}"
    rf"\x{{3400}}-\x{{4dbf}}{_han()}\x{{ff01}}\x{{ff0c}}\x{{ff1b}}\x{{ff1f}}"
)
TOUCHY: Final = "|".join(
    [*(f"(?:{detector.gate})" for detector in DETECTORS if not detector.number), NUMBER, f"[^{CALM}]"]
)
"""One RE2 pattern, for a whole column at once. What it does not match, detection and redaction leave as it is: no gate
opens, there is nothing to bring into normal form first, and there is no long number."""


def detect(text: str) -> list[Span]:
    """Return the personal data in `text` as spans of the original text, in order, without overlaps.

    Guarantees: time linear in the length of the text; no text raises.
    """
    plain = normal(text)
    # "replace" turns half a surrogate pair, which no valid text has, into a question mark: offsets stay.
    chosen = _GATE.Match(plain.text.encode("utf-8", "replace"))
    if chosen is None:  # re2 says so when nothing matched
        return []
    found = [span for number in chosen for span in DETECTORS[number].find(plain.text)]
    spans = resolve(found, plain.text)
    if plain.places is None:
        return spans
    return [Span(*plain.original(span.start, span.end), span.kind) for span in spans]
