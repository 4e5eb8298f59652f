"""What fuzzing found, kept: each once broke a run; and a small deterministic fuzz of the same kind."""

from __future__ import annotations

import contextlib
import json
import random
from typing import TYPE_CHECKING

import pytest

from governance.errors import UsageError
from governance.keys import EventKeys
from governance.policy.loading import BUILT_IN, check_file
from governance.policy.model import PackText
from governance.policy.reading import read
from tests.fuzz.mutation import mutate
from tests.fuzz.passage import NOW, Glass
from tests.fuzz.seeds import RETAIL, SEEDS
from transforms.deid import mapping
from transforms.deid.decode import Decoder
from transforms.deid.events import RawBundle, Segment
from transforms.deid.mapping import load_mapping

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fuzz.passage import Passage

NOT_YAML = ('!!int ""', "!!bool x", "!!timestamp x", "!!float _", "2001-99-99", "[" * 5000, "'", "\x01", "? {a: b}")


@pytest.mark.parametrize("text", NOT_YAML)
def test_text_that_yaml_chokes_on_is_a_problem_with_a_line(tmp_path: Path, text: str) -> None:
    """Tags with a value of another kind raise anything in the YAML library; a pack and a mapping say it is no YAML."""
    path = tmp_path / "a.yaml"
    path.write_text(f"id: {text}\n")
    (problem,) = read(path, PackText).problems
    assert problem.message == "is not readable as YAML in UTF-8"
    with pytest.raises(UsageError, match="not YAML"):
        load_mapping(path)


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z"])
def test_a_pack_is_not_in_force_at_the_edge_of_the_calendar(tmp_path: Path, instant: str) -> None:
    """A validity from which no zone can be taken is a problem of its line, not an overflow."""
    text = (BUILT_IN / "packs" / "mic_global_2022.yaml").read_text(encoding="utf-8")
    start = text.index("valid_from:")
    line = text[start : text.index("\n", start)]
    path = tmp_path / "pack.yaml"
    path.write_text(text.replace(line, f"valid_from: {instant}"), encoding="utf-8")
    assert "must lie between the years 1900 and 9000" in " ".join(map(str, check_file(path)))


@pytest.mark.parametrize(
    ("name", "constant"),
    [
        ("dnt", 10**30),
        ("dnt", 2),
        ("source", True),
        ("minor_marker", "yes"),
        ("provenance", "x"),
        ("source", "\ud800"),
        ("source", ""),
    ],
)
def test_a_mappings_constant_has_the_type_of_its_name(
    passage: Passage, tmp_path: Path, name: str, constant: object
) -> None:
    """A constant of another type, or half a character, is refused with the file, not met in every record."""
    path = tmp_path / "m.yaml"
    for shipped in ("gdpr_sample", "online_retail"):
        made = mapping.builtin_mappings()[shipped].model_dump(mode="json", exclude_none=True) | {
            "meta": {name: constant}
        }
        path.write_text(json.dumps(made), encoding="utf-8")
        stream = "transactions" if made.get("columns") else "service_log"
        with pytest.raises(UsageError, match="meta"):
            Decoder(passage.catalogue, stream, keys=KEYS, now=NOW, default_format=str(path))


KEYS = EventKeys(b"d" * 32, b"p" * 32)


def test_a_flag_of_delimited_text_is_a_flag(passage: Passage, tmp_path: Path) -> None:
    """`dnt: 1` of a mapping for CSV reaches the gate as true, as it does from JSON."""
    made = mapping.builtin_mappings()["online_retail"].model_dump(mode="json", exclude_none=True)
    path = tmp_path / "m.yaml"
    path.write_text(json.dumps(made | {"meta": {"dnt": 1, "minor_marker": False}}), encoding="utf-8")
    decode = Decoder(passage.catalogue, "transactions", keys=KEYS, now=NOW, default_format=str(path))
    batch = decode(RawBundle((Segment(str(path), "sepp", NOW, "base", (0,), (RETAIL,)),)), Glass())
    assert batch.table["meta.dnt"].to_pylist() == [True]


@pytest.mark.parametrize("number", range(40))
def test_documents_changed_at_random_are_rows_or_dead_letters(passage: Passage, number: int) -> None:
    """Sound records with one to four changes anywhere, the same ones in every run of this test."""
    chance = random.Random(number)
    for stream, record_format, record in SEEDS:
        if record.startswith(b"{"):
            document = json.loads(record)
            lines = [json.dumps(mutate(document, chance.randbytes(60))).encode() for _ in range(25)]
            batch = passage.take([*lines, record], stream, record_format, authorized=("sepp",))
            assert batch.read == 26


@pytest.mark.parametrize("number", range(10))
def test_packs_and_mappings_changed_at_random_are_valid_or_have_problems(
    passage: Passage, tmp_path: Path, number: int
) -> None:
    """A changed file is accepted, or its problems can be printed; nothing else happens."""
    chance = random.Random(number)
    path = tmp_path / "changed.yaml"
    pack = read(BUILT_IN / "packs" / "sepp.yaml", PackText).model
    assert pack is not None
    sound = [
        pack.model_dump(mode="json"),
        *(one.model_dump(mode="json") for one in mapping.builtin_mappings().values()),
    ]
    for document in sound:
        for _ in range(10):
            path.write_text(json.dumps(mutate(document, chance.randbytes(40))), encoding="utf-8")
            for problem in read(path, PackText).problems:
                assert str(problem).encode()
            with contextlib.suppress(UsageError):
                Decoder(passage.catalogue, "service_log", keys=KEYS, now=NOW, default_format=str(path))
