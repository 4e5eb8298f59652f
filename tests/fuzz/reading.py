"""Read files as `ebb run` does, in a process of its own, and print lines, bundles and the memory that it took.

python -m tests.fuzz.reading HOME GLOB
"""

from __future__ import annotations

import json
import resource
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

from governance.keys import Keyring, RootKey
from pipelines.sources.files import FilesSource
from retention.stores.delta import FencedTable
from tests.pipelines.sinks.test_lake import tables


def open_keyring(url: str) -> Keyring:
    """Open the keyring with the fixed root key."""
    return Keyring.open(url, RootKey(bytes(32)))


def peak() -> int:
    """Return the most memory this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Read and report."""
    home, pattern = Path(sys.argv[1]), sys.argv[2]
    url = f"sqlite:///{home / 'keyring.sqlite'}"
    Keyring.create(url, RootKey(bytes(32)))
    lake = tables(home / "lake")
    lake.create()
    source = FilesSource(pattern, lake.anonymous.uri, "service_log", partial(open_keyring, url), "native", None)
    table = FencedTable(lake.anonymous)
    lines = bundles = content = largest = 0
    before = peak()
    with closing(source.open()) as reader:
        while (bundle := reader.pull(0.0)) is not None:  # one of blank lines is empty, and no end
            table.refresh()
            if bundles % 50 == 0:
                table.commit([], {}, {f"file:{reader._file_id(one.base)}": one.end for one in bundle.ranges})
            held = sum(len(line) for segment in bundle.segments for line in segment.lines)
            lines, bundles, largest = lines + len(bundle), bundles + 1, max(largest, held)
            content = bundle.ranges[-1].end
            del bundle
    grown = peak() - before
    sys.stdout.write(
        json.dumps({"lines": lines, "bundles": bundles, "content": content, "largest": largest, "grown": grown})
    )


if __name__ == "__main__":
    main()
