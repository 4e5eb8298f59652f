"""Truncated addresses."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.truncate_ip import truncate_ip


@pytest.mark.parametrize(
    ("text", "anonymous", "personal"),
    [
        ("83.149.9.216", "83.149.0.0/16", "83.149.9.0/24"),
        (" 83.149.9.216 ", "83.149.0.0/16", "83.149.9.0/24"),
        ("83.149.9.216:443", "83.149.0.0/16", "83.149.9.0/24"),
        ("2001:db8:abcd:12::1", "2001:db8::/32", "2001:db8:abcd::/48"),
        ("[2001:db8:abcd:12::1]:443", "2001:db8::/32", "2001:db8:abcd::/48"),
        ("fe80::1%eth0", "fe80::/32", "fe80::/48"),
        ("::ffff:83.149.9.216", "83.149.0.0/16", "83.149.9.0/24"),
        ("[::ffff:83.149.9.216]:80", "83.149.0.0/16", "83.149.9.0/24"),
        ("2002:5395:09d8::1", "83.149.0.0/16", "83.149.9.0/24"),
        ("83.149.9", None, None),
        ("083.149.9.216", None, None),
        ("83.149.9.256", None, None),
        ("83.149.9.216, 10.0.0.1", None, None),
        ("localhost", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_an_address_becomes_its_network(text: str | None, anonymous: str | None, personal: str | None) -> None:
    """Brackets, ports, zones and embedded IPv4 addresses are seen through; anything else is null."""
    values = pa.array([text], pa.string())
    assert truncate_ip(values, v4=16, v6=32).to_pylist() == [anonymous]
    assert truncate_ip(values, v4=24, v6=48).to_pylist() == [personal]


def test_any_prefix_will_do() -> None:
    """A prefix that ends within an octet is cut there; nothing at all leaves the whole of the addresses."""
    values = pa.array(["83.149.9.216", None])
    assert truncate_ip(values, v4=20, v6=32).to_pylist() == ["83.149.0.0/20", None]
    assert truncate_ip(values, v4=0, v6=0).to_pylist() == ["0.0.0.0/0", None]
