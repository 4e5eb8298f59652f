"""`ebb` with one fault built in: `python -m tests.canary.faulty FAULT run …`.

The faults are what libraries do: raise errors that quote the value at hand. `full` leaves no room on the disk after
the first commit. `leak` writes values into a table, and is there to be found.
"""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.logs import set_up_logs
from pipelines.sinks.lake import LakeWriter
from pipelines.sources.files import FilesReader
from transforms.deid import classify, gate
from transforms.deid.decode import Decoder
from transforms.deid.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from transforms.deid.events import Batch

_PLACES: dict[str, tuple[Any, str]] = {
    "read": (FilesReader, "pull"),
    "decode": (Decoder, "__call__"),
    "classify": (classify, "classify"),
    "gate": (gate, "gate"),
    "deidentify": (Engine, "deidentify"),
    "commit": (LakeWriter, "write"),
}
_SEEN: list[str] = []


def plant(fault: str) -> None:
    """Build the fault in."""
    _wrap(Decoder, "__call__", _remembering)
    if fault == "leak":
        _wrap(Engine, "deidentify", _leaking)
    elif fault == "full":
        _wrap(LakeWriter, "write", _filling)
    else:
        owner, name = _PLACES[fault]
        _wrap(owner, name, _failing)


def _wrap(owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
    setattr(owner, name, wrapper(getattr(owner, name)))


def _remembering(decode: Any) -> Any:
    def remember(self: Decoder, bundle: Any, *rest: Any) -> Batch:
        _SEEN.extend(line.decode("utf-8", "replace") for segment in bundle.segments for line in segment.lines[:50])
        return decode(self, bundle, *rest)

    return remember


def _failing(function: Any) -> Any:
    def fail(*given: Any) -> Any:
        result = function(*given)
        segments = getattr(result, "segments", ())
        _SEEN.extend(line.decode("utf-8", "replace") for segment in segments for line in segment.lines[:50])
        if _SEEN:
            # As Arrow does, with a cause and with the value in the text.
            try:
                pa.array(_SEEN, pa.string()).cast(pa.int64())
            except pa.ArrowInvalid as problem:
                raise ValueError(f"cannot treat {_SEEN}") from problem
        return result

    return fail


def _filling(write: Any) -> Any:
    def fill(*given: Any) -> Any:
        result = write(*given)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, resource.RLIM_INFINITY))
        return result

    return fill


def _leaking(deidentify: Any) -> Any:
    def leak(self: Engine, *given: Any) -> Batch:
        batch = deidentify(self, *given)
        table = batch.outputs["anonymous"]
        at = table.column_names.index("policy")
        values = pa.array([_SEEN[0][:200]] * table.num_rows, pa.string())
        batch.outputs["anonymous"] = table.set_column(at, "policy", values)
        return batch

    return leak


if __name__ == "__main__":
    set_up_logs()
    plant(sys.argv.pop(1))
    from pipelines.cli import main

    main()
