"""Keep: shapes that cannot name a person."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.keep import fit_number, keep


def _keep(text: str | None, shape: str) -> str | None:
    return keep(pa.array([text], pa.string()), shape=shape).to_pylist()[0]


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ("code", "Chrome"), ("code", "Mobile Safari"), ("code", "360SE"), ("code", "E-42"), ("code", "ok"),
        ("code", "7"), ("language", "zh"), ("language", "zh-CN"), ("language", "zh-Hans-CN"),
        ("language", "es_419"), ("host", "www.made-in-china.com"), ("host", "m.example.cn"), ("flag", "true"),
        ("any_number", "12.5"),
    ],
)  # fmt: skip
def test_a_value_of_its_shape_stays(shape: str, text: str) -> None:
    """What has the shape is kept letter by letter."""
    assert _keep(text, shape) == text


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ("code", "13800138000"), ("code", "138-001-380-00"), ("code", "a@example.com"), ("code", "192.168.1.1"),
        ("code", "a1b2c3d4e5"), ("code", "deadbeef-cafe"), ("code", "call me at John Smith"), ("code", "张伟"),
        ("code", "x" * 41), ("code", ""), ("code", "A\nB"), ("code", "E1234"),
        ("language", "hello"), ("language", "en-US-x-john"), ("language", "zh-CN,zh;q=0.9"),
        ("host", "localhost"), ("host", "10.0.0.1"), ("host", "u13800138000.example.com"), ("host", "a@b.com"),
        ("flag", "maybe"), ("any_number", "13800138000"),
    ],
)  # fmt: skip
def test_a_value_of_another_shape_becomes_other(shape: str, text: str) -> None:
    """Numbers, addresses, sentences and ids never pass as a code."""
    assert _keep(text, shape) == "other"


def test_a_listed_value_stays_whatever_its_shape() -> None:
    """Values on the list pass, others do not, null stays null."""
    kept = keep(pa.array(["微信", "QQ浏览器", None]), allowed=("微信",))
    assert kept.to_pylist() == ["微信", "other", None]


def test_a_number_that_does_not_fit_is_null() -> None:
    """A status of seven digits is no status, and no error either."""
    assert fit_number(pa.array([200, 7_000_000, None]), pa.int16()).to_pylist() == [200, None, None]
    assert fit_number(pa.array([200]), pa.int16()).type == pa.int16()
