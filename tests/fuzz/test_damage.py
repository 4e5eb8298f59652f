"""Sound records cut and corrupted at every byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from tests.fuzz.seeds import SEEDS
from tests.fuzz.vocabulary import forms

if TYPE_CHECKING:
    from tests.fuzz.passage import Passage
    from transforms.deid.events import Batch

CODES = {
    "SCHEMA_MALFORMED", "SCHEMA_TYPE", "SCHEMA_MISSING", "SCHEMA_UNKNOWN_FIELD", "TIME_NO_ZONE", "TIME_IN_FUTURE",
    "POLICY_NONE", "EVENT_TYPE_UNKNOWN", "EXPIRED_ON_ARRIVAL", "SIGNAL_OPT_OUT", "PROVENANCE_MISSING",
    "CONSENT_TOO_WEAK", "PURP_NOT_REGISTERED",
}  # fmt: skip
INSTEAD = (0x00, 0x20, 0x22, 0x5C, 0x7B, 0x30, 0xFF)


def assert_safe(passage: Passage, batch: Batch, stream: str) -> None:
    """Known codes only, and nothing in analysts' columns but their words and shapes."""
    assert {letter.code for letter in batch.dead_letters} | set(batch.dropped) <= CODES
    kinds = forms(passage.catalogue, stream)
    table = batch.outputs.get("anonymous", pa.table({}))
    for name, column in zip(table.column_names, table.columns, strict=True):
        form = kinds.get(name)
        if form is not None:
            assert all(form.fullmatch(value) for value in set(column.to_pylist()) - {None}), name


@pytest.mark.parametrize(("stream", "record_format", "record"), SEEDS, ids=[f"{one}-{two}" for one, two, _ in SEEDS])
def test_a_record_cut_at_every_byte(passage: Passage, stream: str, record_format: str, record: bytes) -> None:
    """Each beginning of a record, and each end, is a row or a dead letter."""
    cuts = [record[:length] for length in range(1, len(record))] + [record[start:] for start in range(1, len(record))]
    batch = passage.take(cuts, stream, record_format)
    assert batch.read == len([cut for cut in cuts if cut.strip()])
    assert_safe(passage, batch, stream)
    if record.startswith(b"{"):
        assert len(batch.dead_letters) == batch.read


@pytest.mark.parametrize(("stream", "record_format", "record"), SEEDS, ids=[f"{one}-{two}" for one, two, _ in SEEDS])
def test_a_record_corrupted_at_every_byte(passage: Passage, stream: str, record_format: str, record: bytes) -> None:
    """Another byte, one bit over, a byte more and one less: the sum holds, and good neighbours stay good."""
    for value in INSTEAD:
        lines = [record[:at] + bytes([value]) + record[at + 1 :] for at in range(len(record))]
        assert_safe(passage, passage.take([*lines, record], stream, record_format), stream)
    flipped = [record[:at] + bytes([record[at] ^ 0x01]) + record[at + 1 :] for at in range(len(record))]
    longer = [record[:at] + b'"' + record[at:] for at in range(len(record))]
    shorter = [record[:at] + record[at + 1 :] for at in range(len(record))]
    batch = passage.take([*flipped, *longer, *shorter, record], stream, record_format)
    assert_safe(passage, batch, stream)
    assert sum(table.num_rows for table in batch.outputs.values())
