"""Packing of lines into messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import EbbError
from pipelines import publish
from pipelines.sources.position import content_base

if TYPE_CHECKING:
    from pathlib import Path


@given(st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b" ")), max_size=60))
def test_packing_loses_and_changes_nothing(lines: list[bytes]) -> None:
    """Messages put together are the lines with their line ends, and count them."""
    packets = list(publish.pack_lines(lines))
    assert b"".join(packet.data for packet in packets) == b"".join(line + b"\n" for line in lines)
    assert sum(packet.lines for packet in packets) == len(lines)


def test_messages_are_bounded_in_lines_and_bytes() -> None:
    """No more than 500 lines and, unless one line alone is longer, no more than 512 KiB."""
    small = list(publish.pack_lines([b"x"] * 1201))
    assert [packet.lines for packet in small] == [500, 500, 201]
    large = list(publish.pack_lines([b"y" * 200_000] * 5 + [b"z" * 600_000]))
    assert [packet.lines for packet in large] == [2, 2, 1, 1]


def test_a_line_no_message_can_hold_is_named_and_the_rest_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message after a line that was left out starts at its own offset."""
    monkeypatch.setattr(publish, "LONGEST_LINE", 20)
    path = tmp_path / "long.log"
    path.write_bytes(b"one\n" + b"2" * 50 + b"\nthree\n")
    left_out: list[int] = []
    packets = list(publish.pack_file(path, left_out.append))
    assert left_out == [4]
    base = content_base(path)
    assert [(packet.data, packet.attributes["position"]) for packet in packets] == [
        (b"one\n", f"{base}:0"),
        (b"three\n", f"{base}:55"),
    ]


def test_a_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    """A missing and a cut file both end in a sentence, never in a stack."""
    with pytest.raises(EbbError, match=r"absent\.log cannot be read"):
        list(publish.pack_file(tmp_path / "absent.log", print))
    (tmp_path / "cut.gz").write_bytes(b"\x1f\x8b\x08\x00")
    with pytest.raises(EbbError, match="damaged or cut short"):
        list(publish.pack_file(tmp_path / "cut.gz", print))
