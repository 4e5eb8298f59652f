"""Fuzz policy files: a pack, an inventory or a hierarchy is valid or has problems with a line, and nothing else.

The first byte of the input chooses which shipped file to change, or whether the rest is the text of a file.

    python -m tests.fuzz.harness_policy CORPUS -max_total_time=600
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped]
import yaml

with atheris.instrument_imports(include=["governance.policy"]):
    from governance.policy.checking import inventory_problems, overlap_problems, pack_problems
    from governance.policy.digest import resolve
    from governance.policy.hierarchy import read_hierarchy
    from governance.policy.loading import BUILT_IN, INVENTORY
    from governance.policy.model import Catalogue, PackText
    from governance.policy.reading import read
    from governance.policy.rows import InventoryFile

from tests.fuzz.harness import fuzz
from tests.fuzz.mutation import mutate

PACKS = sorted((BUILT_IN / "packs").glob("*.yaml"))
HIERARCHY, INVENTORY_TEXT, PACK_TEXT, INVENTORY_CHANGE = 0xFF, 0xFE, 0xFD, 0xFC


class Judge:
    """Reads files as ebb does, beside the shipped inventory."""

    def __init__(self) -> None:
        shipped = read(BUILT_IN / INVENTORY, InventoryFile).model
        assert shipped is not None
        self._rows = {row.field: row for row in shipped.rows}
        self._other = read(PACKS[0], PackText)

    def __call__(self, path: Path, *, inventory: bool) -> None:
        """Read and check the file `path`, and resolve it if it is a sound pack."""
        if inventory:
            found = read(path, InventoryFile)
            problems = [*found.problems, *inventory_problems(found, {})]
        else:
            pack = read(path, PackText)
            problems = [*pack.problems, *pack_problems(pack, self._rows), *overlap_problems((self._other, pack))]
            if pack.model is not None and not problems:
                Catalogue(inventory=self._rows, packs=(resolve(pack.model, self._rows),))
        for problem in problems:
            str(problem).encode()


def main() -> None:
    """Fuzz until libFuzzer's arguments say that it is enough."""
    documents = [yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader) for path in PACKS]
    some = yaml.safe_load((BUILT_IN / INVENTORY).read_text(encoding="utf-8"))
    some["rows"] = some["rows"][:6]
    judge = Judge()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzzed.yaml"
        (Path(folder) / "steps.csv").write_text("a;b;*\nc;b;*\n")

        def one(data: bytes) -> None:
            if not data:
                return
            first, text = data[0], data[1:]
            if first <= INVENTORY_CHANGE:
                sound = some if first == INVENTORY_CHANGE else documents[first % len(documents)]
                text = json.dumps(mutate(sound, text)).encode()  # YAML holds JSON
            path.write_bytes(text)
            if first != HIERARCHY:
                judge(path, inventory=first in (INVENTORY_TEXT, INVENTORY_CHANGE))
                return
            with contextlib.suppress(ValueError):
                read_hierarchy(path)

        seeds = [bytes([PACK_TEXT]) + PACKS[0].read_bytes(), bytes([HIERARCHY]) + b"a;b\nc;b\n"]
        fuzz(one, [*seeds, *(bytes([number, 0, 1, 2]) for number in (*range(5), INVENTORY_CHANGE))])


if __name__ == "__main__":
    main()
