"""Canonical forms: one identifier, however it was written."""

from __future__ import annotations

import pytest

from transforms.deid.text.canonical import canonical


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("PHONE", "138 0013 8000", "+8613800138000"),
        ("PHONE", "１３８\u200b００１３－８０００", "+8613800138000"),
        ("PHONE", "幺三八零零幺三八零零零", "+8613800138000"),
        ("PHONE", "138OO138OOO", "+8613800138000"),
        ("PHONE", "+49 30 901820", "+4930901820"),
        ("EMAIL", "Li@EXAMPLE.com", "Li@example.com"),
        ("MAC", "00-1A-2B-3C-4D-5E", "001a2b3c4d5e"),
        ("ID", "320583 19870611 507x", "32058319870611507X"),
        ("ID", "k538164（9）", "K5381649"),
        ("ID", "1/234567/8", "12345678"),
        ("LICENSE_PLATE", "苏A·12345", "苏A12345"),
        ("CARD", "6222-0226 7851 7170 859", "6222022678517170859"),
        ("NUMBER", "１２３４５６７８９", "123456789"),
        ("NAME", " 王小明", "王小明"),
        ("WECHAT", "Zhang_88", "Zhang_88"),
    ],
)
def test_forms(kind: str, written: str, expected: str) -> None:
    """Width, spaces, dashes, numerals and unseen signs do not tell two identifiers apart; other signs do."""
    assert canonical(kind, written) == expected
