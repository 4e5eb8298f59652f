"""What the three harnesses share: how atheris is started and where its corpus lies. See docs/fuzzing.md.

atheris is no dependency of ebb: `make fuzz` installs it beside the cache, and only the harnesses import it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

INSTRUMENTED = ["governance", "transforms", "yaml"]


def fuzz(harness: Callable[[bytes], None], seeds: Iterable[bytes]) -> None:
    """Run `harness` on ever new input; the arguments are libFuzzer's, the first one the folder of the corpus."""
    import atheris  # type: ignore[import-untyped]  # noqa: PLC0415 - see the module

    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and not Path(sys.argv[1]).is_file():
        corpus = Path(sys.argv[1])
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup(sys.argv, harness)
    atheris.Fuzz()
