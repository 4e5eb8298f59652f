"""Fuzz mappings: a file is a mapping or a user's mistake, and what a mapping makes of a document never raises.

The first byte of the input chooses a mapping that ships with ebb to change, or the rest is the file's text.

    python -m tests.fuzz.harness_mapping CORPUS -max_total_time=600
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped]
import yaml

with atheris.instrument_imports(include=["transforms.deid", "governance.policy"]):
    from governance.errors import UsageError
    from governance.keys import EventKeys
    from governance.policy import load_catalogue
    from tests.fuzz.passage import NOW, STREAMS, Glass
    from transforms.deid import mapping
    from transforms.deid.decode import Decoder
    from transforms.deid.events import RawBundle, Segment

from tests.fuzz.harness import fuzz
from tests.fuzz.mutation import mutate
from tests.fuzz.seeds import SEEDS

SHIPPED = sorted(Path(mapping.__file__).with_name("mappings").glob("*.yaml"))
LINES = [line for _, _, line in SEEDS] + [
    b'{"ip": [1, {"a/b": {"~": "x"}}], "0": {"00": true}}',
    b'"',
    b"[]",
    b",,,,,,,",
]
TEXT = 0xFF


def main() -> None:
    """Fuzz until libFuzzer's arguments say that it is enough."""
    catalogue = load_catalogue()
    keys = EventKeys(b"d" * 32, b"p" * 32)
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in SHIPPED]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzzed.yaml"

        def one(data: bytes) -> None:
            if not data:
                return
            text = data[1:]
            if data[0] != TEXT:
                made = mutate(documents[data[0] % len(documents)], text)
                text = json.dumps(made).encode()  # YAML holds JSON
            path.write_bytes(text)
            for stream in STREAMS:
                try:
                    decoder = Decoder(catalogue, stream, keys=keys, now=NOW, default_format=str(path))
                except UsageError:
                    continue
                segment = Segment(str(path), "sepp", NOW, "base", range(len(LINES)), LINES)
                batch = decoder(RawBundle((segment,)), Glass())
                assert batch.read == batch.table.num_rows + len(batch.dead_letters), "the sum does not hold"

        fuzz(one, [*(bytes([TEXT]) + path.read_bytes() for path in SHIPPED), *(bytes([n, 0, 1]) for n in range(4))])


if __name__ == "__main__":
    main()
