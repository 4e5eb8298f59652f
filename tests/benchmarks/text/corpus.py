"""Labelled sentences: the Chinese set of this folder, and Presidio's synthetic English ones."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from transforms.deid.text import Span

CHINESE = Path(__file__).with_name("sentences_zh.txt")
UNSEEN = Path(__file__).with_name("sentences_zh_unseen.txt")
LOOKED_AT = Path(__file__).with_name("sentences_zh_looked_at.txt")
_MARK = re.compile(r"\{\{(?P<kind>[A-Z_]+)\|(?P<value>[^}]*)\}\}")
_ESCAPE = re.compile(r"\\u([0-9a-f]{4})")
# What Presidio's labels are called here; its other labels no rule can find.
LABELS = {
    "PHONE_NUMBER": "PHONE",
    "EMAIL_ADDRESS": "EMAIL",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "MAC",
    "US_SSN": "SSN",
    "US_PASSPORT": "PASSPORT",
    "URL": "URL",
    "PERSON": "NAME",
    "LOCATION": "ADDRESS",
    "STREET_ADDRESS": "ADDRESS",
    "DATE_TIME": "DATE_OF_BIRTH",
}


class Sentence(NamedTuple):
    """A text and what is to be found in it."""

    text: str
    spans: tuple[Span, ...]


def sentence(marked: str) -> Sentence:
    """Read `call {{PHONE|138…}}`, with characters that cannot be seen as backslash, u and four digits."""
    marked = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), marked)
    pieces: list[str] = []
    spans: list[Span] = []
    length = end = 0
    for found in _MARK.finditer(marked):
        before = marked[end : found.start()]
        start = length + len(before)
        pieces += (before, found["value"])
        length = start + len(found["value"])
        spans.append(Span(start, length, found["kind"]))
        end = found.end()
    return Sentence("".join([*pieces, marked[end:]]), tuple(spans))


def chinese(path: Path = CHINESE) -> list[Sentence]:
    """Return the sentences of a file of this folder."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [sentence(line) for line in lines if line and not line.startswith("#")]


def samples() -> Path:
    """Return the folder of real sample data: `$EBB_SAMPLES`, or `shared/data` beside the repository."""
    return Path(os.environ.get("EBB_SAMPLES") or Path(__file__).parents[4] / "shared" / "data")


def synthetic() -> list[Sentence]:
    """Return Presidio's synthetic sentences, with the labels that have a name here; none if they are not there."""
    path = samples() / "pii" / "presidio_synth_v2.json"
    if not path.is_file():
        return []
    return [
        Sentence(
            one["full_text"],
            tuple(
                sorted(
                    Span(span["start_position"], span["end_position"], LABELS[span["entity_type"]])
                    for span in one["spans"]
                    if span["entity_type"] in LABELS and span["entity_type"] != "DATE_TIME"
                )
            ),
        )
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]
