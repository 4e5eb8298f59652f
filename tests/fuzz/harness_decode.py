"""Fuzz the way of a record: decode, classify, gate, de-identify or enclose, in every stream and format.

The first byte of the input chooses stream and format, and whether the rest are lines or changes to a sound record.
Nothing may raise, and the sum holds.

    python -m tests.fuzz.harness_decode CORPUS -max_total_time=600
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["transforms.deid", "governance.policy"]):
    from tests.fuzz.passage import FORMATS, STREAMS, Passage

from tests.fuzz.harness import fuzz
from tests.fuzz.mutation import mutate
from tests.fuzz.seeds import SEEDS

WAYS = [(stream, record_format) for stream in STREAMS for record_format in FORMATS]
DOCUMENTS = [(stream, name, json.loads(line)) for stream, name, line in SEEDS if line.startswith(b"{")]
CHANGE = 0x80


def main() -> None:
    """Fuzz until libFuzzer's arguments say that it is enough."""
    with tempfile.TemporaryDirectory() as folder:
        passage = Passage(Path(folder))

        def one(data: bytes) -> None:
            if not data:
                return
            first, rest = data[0], data[1:]
            if first & CHANGE:
                stream, record_format, document = DOCUMENTS[first % len(DOCUMENTS)]
                text = json.dumps(mutate(document, rest)).encode()
                passage.take([text, json.dumps(document).encode()], stream, record_format, authorized=("sepp",))
            else:
                stream, record_format = WAYS[first % len(WAYS)]
                passage.take(rest.split(b"\n"), stream, record_format, authorized=("sepp",))

        seeds = [bytes([WAYS.index((stream, name))]) + line for stream, name, line in SEEDS]
        fuzz(one, [*seeds, *(bytes([CHANGE + number, 0, 1, 2]) for number in range(8))])


if __name__ == "__main__":
    main()
