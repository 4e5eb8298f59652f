"""Frozen forms of tokens and event keys, and published vectors of what they are built from.

The first group was computed with the standard library's HMAC alone. If one of these tests fails, the code is wrong: a
changed value would cut every stored row off from its subject, or let stored events in a second time.
"""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding, aes_key_wrap_with_padding

from governance.keys.event_keys import EventKeys
from governance.keys.handles import keyed
from governance.keys.tokens import TokenKey, _base32

SCOPE_KEY = bytes(range(32))
PROBE_KEY = bytes(range(32, 64))

FROZEN = [
    ("account", "1000234567", 0, "2026H2", "v1.2026H2.LR6HOUH5YQSPWWGJOHTEPUZS7M"),
    ("account", " 1000234567 ", 0, "2026H2", "v1.2026H2.LR6HOUH5YQSPWWGJOHTEPUZS7M"),
    ("account", "1000234567", 1, "2026H2", "v1.2026H2.YGHAA4EAMUV7NO3I6PBZD5JOUQ"),
    ("account", "张伟", 0, "2026H1", "v1.2026H1.LWV4WPLTALVYMR4HKD7DGSSO6E"),
    ("cookie", "c-81f2", 0, "2026-11-23", "v1.2026-11-23.33PGWERG63CBUHVDKTPSWFZ3DM"),
    ("device", "Ａ0000123", 0, "2026-11-23", "v1.2026-11-23.FXUPV7TSOYNRGSRQK7ZTOTMASA"),
    ("email", "Zhang.Wei@EXAMPLE.com", 0, "2026H2", "v1.2026H2.K7LZJSXD5IDH4GSDW5SQSK6WZM"),
    ("phone", "139 1234 5678", 0, "2026H2", "v1.2026H2.QIAXGB5JNJRXOHRNQ37MDLDQDM"),
    ("phone", "+86-139-1234-5678", 0, "2026H2", "v1.2026H2.QIAXGB5JNJRXOHRNQ37MDLDQDM"),
    ("mac", "00:1A:2B:3C:4D:5E", 0, "2026H2", "v1.2026H2.J7MMD2USAIYEM44XCPOVXFPESU"),
]


@pytest.mark.parametrize(("kind", "value", "generation", "epoch", "token"), FROZEN)
def test_tokens_are_frozen(kind: str, value: str, generation: int, epoch: str, token: str) -> None:
    """A token of format v1 never changes."""
    assert TokenKey(SCOPE_KEY, kind, epoch).tokens([value], generation) == [token]


def test_event_keys_are_frozen() -> None:
    """Event keys, names of files and probes never change."""
    keys = EventKeys(SCOPE_KEY, PROBE_KEY)
    assert keys.by_id(["sepp"], ["e-1"])[0].hex() == "29a9d1a3d1668e312f57ea8f39978ffc"
    assert keys.by_position(["9f8e"], [4096])[0].hex() == "d044a76cf3850415b3039e3a307c3fc7"
    assert keys.file_id("9f8e") == "8fd72b40052f52e3def68bbcf462f931"
    assert keys.subject_probe("sepp", "email", "Zhang.Wei@EXAMPLE.com").hex() == "b94f042c6a8b8abc1dbbec67cf59cbcb"


def test_hmac_gives_the_value_of_rfc_4231() -> None:
    """The MAC under tokens is HMAC-SHA-256: RFC 4231, test case 1."""
    expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    assert keyed(b"\x0b" * 20, b"Hi There").finalize().hex() == expected


def test_key_wrap_gives_the_value_of_rfc_5649() -> None:
    """The wrapping of stored keys is AES-KWP: RFC 5649, section 6, the 20-octet example."""
    wrapping = bytes.fromhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
    key = bytes.fromhex("c37b7e6492584340bed12207808941155068f738")
    wrapped = bytes.fromhex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a")
    assert aes_key_wrap_with_padding(wrapping, key) == wrapped
    assert aes_key_unwrap_with_padding(wrapping, wrapped) == key


def test_letters_are_those_of_rfc_4648() -> None:
    """The letters of a token are RFC 4648 base32 without padding."""
    digests = [bytes(16), b"\xff" * 16, bytes(range(16)), b"foobar0123456789"]
    assert _base32(digests) == [base64.b32encode(one).decode().rstrip("=") for one in digests]
    assert _base32([]) == []
