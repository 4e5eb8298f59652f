"""Taking rows out of a batch: into sealed dead letters, or out of everything but the count.

The sealed payload is the record as read with what it takes to read it again (transforms.deid.letters); what it is
bound to (associated data) is its event key.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from transforms.deid.events import DeadLetter
from transforms.deid.letters import pack_letter
from transforms.deid.parsed import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from transforms.deid.events import Batch

SUBJECT_KINDS = ("account", "cookie", "device")


class Record(NamedTuple):
    """One record: its event key, where it came from (index into the batch's origins, and offset there), its bytes."""

    event_key: bytes
    origin: int
    offset: int
    line: bytes


def dead_letter(batch: Batch, stage: str, record: Record, refusal: Refusal) -> DeadLetter:
    """Return the dead letter of one record.

    Guarantees: the payload is sealed at once, or dropped where it has to be destroyed; no value is in the clear.
    """
    probe = None
    if batch.probe is not None and refusal.system and refusal.subject and not refusal.destroy:
        probe = batch.probe(refusal.system, *refusal.subject)
    sealed = None
    if not refusal.destroy:
        payload = pack_letter(batch.origins[record.origin], record.offset, record.line)
        sealed = batch.sealer.seal(payload, record.event_key)
    return DeadLetter(
        record.event_key,
        stage,
        refusal.code,
        refusal.path,
        policy=refusal.policy,
        sealed=sealed,
        probe=probe,
    )


def reject(
    batch: Batch,
    mask: np.ndarray,
    stage: str,
    code: str,
    path: str,
    *,
    destroy: bool = False,
    policy: Callable[[int], str | None] | None = None,
) -> None:
    """Move the rows under `mask` into dead letters.

    Args:
        batch: changed in place.
        mask: one bool a row.
        stage: the step that refuses.
        code: reason code.
        path: field path.
        destroy: do not keep the payload.
        policy: gives the citation for a row number.
    """
    rows = np.flatnonzero(mask)
    if not len(rows):
        return
    names = ["event_key", "system", *(f"subject.{kind}" for kind in SUBJECT_KINDS), "origin.number", "origin.offset"]
    given = batch.table.select([name for name in names if name in batch.table.column_names])
    for row, values in zip(rows.tolist(), given.take(pa.array(rows)).to_pylist(), strict=True):
        refusal = Refusal(
            code,
            path,
            destroy=destroy,
            system=values["system"],
            subject=_subject(values),
            policy=policy(row) if policy else None,
        )
        record = Record(values["event_key"], values["origin.number"], values["origin.offset"], batch.raw[row])
        batch.dead_letters.append(dead_letter(batch, stage, record, refusal))
    _remove(batch, mask)


def _subject(values: Mapping[str, Any]) -> tuple[str, str] | None:
    given = ((kind, values.get(f"subject.{kind}")) for kind in SUBJECT_KINDS)
    return next(((kind, value) for kind, value in given if value is not None), None)


def drop(batch: Batch, mask: np.ndarray, code: str) -> None:
    """Remove the rows under `mask`; only their number by `code` remains."""
    if count := int(mask.sum()):
        batch.dropped[code] += count
        _remove(batch, mask)


def _remove(batch: Batch, mask: np.ndarray) -> None:
    keep = ~mask
    batch.table = batch.table.filter(pa.array(keep))
    batch.raw = list(compress(batch.raw, keep.tolist()))
