"""The register: what is refused, and that no message quotes what stood in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from governance.errors import PolicyError, RefusedError, UsageError
from retention.datasets import Register, read_register

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
stores: [{id: shop, kind: sql, url_from: SHOP_URL}]
datasets:
  - id: shop.orders
    store: shop
    table: orders
    system: sepp
    role: record
    class: TXN
    zone: Europe/London
    clock: {columns: [completed_at]}
    subject: customer
"""


def read(folder: Path, text: str) -> Register:
    """Read a register from text."""
    path = folder / "datasets.yaml"
    path.write_text(text, encoding="utf-8")
    return read_register(path)


def test_a_good_register_is_read_and_has_a_digest(tmp_path: Path) -> None:
    """The digest changes with the register, and with nothing else."""
    first = read(tmp_path, GOOD)
    assert first.dataset("shop.orders").retention == "TXN"
    assert first.digest == read(tmp_path, "# a remark\n" + GOOD).digest
    assert first.digest != read(tmp_path, GOOD.replace("sepp", "mic_global")).digest
    with pytest.raises(UsageError):
        first.dataset("nothing")


def test_a_register_without_a_last_change_keeps_its_digest(tmp_path: Path) -> None:
    """What was planned before the key was known is still bound to it; naming it makes another register."""
    assert read(tmp_path, GOOD).digest == "3ffcc3abe45571e295da344ebcf83b36950e937dec8a62a269b96a5d47083f45"
    named = read(tmp_path, GOOD.replace("[completed_at]", "[completed_at], last_changed: updated_at"))
    assert named.digest != read(tmp_path, GOOD).digest
    shop = named.dataset("shop.orders")
    assert shop.judged(presume=True) == shop
    assert shop.judged(presume=False) == read(tmp_path, GOOD).dataset("shop.orders")


@pytest.mark.parametrize("change", [("    class: TXN\n", ""), ("class: TXN", "class:"), ("class: TXN", "class: ''")])
def test_without_a_class_it_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    """R-RET-01: RET_NO_CLASS."""
    with pytest.raises(RefusedError, match=r"RET_NO_CLASS.*shop.orders"):
        read(tmp_path, GOOD.replace(*change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("class: TXN", "class: NONE"), "never stored"),
        (("Europe/London", "Mars/Olympus"), "zone"),
        (("store: shop", "store: shed"), "unknown store"),
        (("url_from: SHOP_URL", "url_from: X, url: y"), "one of them"),
        (("{columns: [completed_at]}", "{}"), "at least one column"),
        (("class: TXN", "class: CONTENT"), "clock.ended"),
        (("    subject: customer\n", "    derived_from: [nothing]\n"), "derived_from"),
        (("    subject: customer\n", "    sql: 'DROP TABLE x'\n"), "sql"),
        (("    subject: customer\n", "    action: anonymize\n"), "come together"),
        (
            (
                "    subject: customer\n",
                "    action: anonymize\n    anonymize: {treatments: {name: {do: pseudonymize}}}\n",
            ),
            "not anonymizing",
        ),
        (
            (
                "    subject: customer\n",
                "    action: anonymize\n    anonymize: {treatments: {name: {do: encrypt}}}\n",
            ),
            "not anonymizing",
        ),
        (
            (
                "    subject: customer\n",
                "    action: anonymize\n    anonymize: {treatments: {customer: {do: mask, first: 2}}}\n",
            ),
            "of what mask makes nobody can tell",
        ),
        (
            (
                "    subject: customer\n",
                "    action: anonymize\n    anonymize: {treatments: {customer: {do: keep, shape: code}}}\n",
            ),
            "of what keep makes nobody can tell",
        ),
        (
            (
                "    subject: customer\n",
                "    action: anonymize\n    anonymize: {treatments: {customer: {do: bucket, edges: [1, 8]}}}\n",
            ),
            "of what bucket makes nobody can tell",
        ),
        (
            (
                "    subject: customer\n",
                "    action: anonymize\n    anonymize: {treatments: {customer: {do: truncate_ip, v4: 16, v6: 32}}}\n",
            ),
            "of what truncate_ip makes nobody can tell",
        ),
        (
            (
                "    subject: customer\n",
                "    extension: {criterion: RC-2, reason: r, owner: o, decided: 2026-01-01, until: 2028-01-01}\n",
            ),
            "twelve months",
        ),
        (
            (
                "    subject: customer\n",
                "    extension: {criterion: RC-4, reason: r, owner: o, decided: 2026-01-01, until: 2026-02-01}\n",
            ),
            "evidence",
        ),
        (
            (
                "    subject: customer\n",
                "    extension: {criterion: RC-3, reason: r, owner: o, decided: 2026-01-01, until: 2026-02-01}\n",
            ),
            "evidence",
        ),
        (
            ("    subject: customer\n", "    extension: {criterion: RC-2, reason: r, owner: o, decided: 2026-01-01}\n"),
            "until",
        ),
        (("[completed_at]", "[completed_at], pick: earliest"), "latest clock"),
        (
            (
                "class: TXN\n    zone: Europe/London\n    clock: {",
                "class: GOV\n    zone: UTC\n    clock: {pick: earliest, ",
            ),
            "floor runs",
        ),
        (
            (
                "role: record\n    class: TXN\n    zone: Europe/London\n    clock: {",
                "role: copy\n    class: LOG\n    zone: UTC\n    clock: {pick: latest, ",
            ),
            "earlier clock",
        ),
        (("[completed_at]", "[completed_at], last_changed: completed_at"), "every change"),
        (("columns: [completed_at]", "last_changed: updated_at"), "at least one column"),
        (("columns: [completed_at]", "due: due_on, last_changed: updated_at"), "only an order"),
        (
            (
                "class: TXN\n    zone: Europe/London\n    clock: {",
                "class: GOV\n    zone: Europe/London\n    clock: {last_changed: at, ",
            ),
            "only an order",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    """Each refusal says what is wrong."""
    with pytest.raises(PolicyError, match=said):
        read(tmp_path, GOOD.replace(*change))


def test_what_shortens_no_floor_and_lengthens_no_ceiling_may_be_picked(tmp_path: Path) -> None:
    """A copy may go by its earliest clock, and what is the default may be said."""
    for change in (
        ("role: record\n", "role: copy\n", "pick: earliest"),
        ("class: TXN\n", "class: PROFILE\n", "pick: earliest"),
        ("class: TXN\n", "class: TXN\n", "pick: latest"),
        ("class: TXN\n", "class: LOG\n", "pick: earliest"),
    ):
        text = GOOD.replace(change[0], change[1]).replace("[completed_at]", f"[completed_at], {change[2]}")
        assert read(tmp_path, text).dataset("shop.orders").pick == change[2].removeprefix("pick: ")


def test_messages_never_quote_a_value(tmp_path: Path) -> None:
    """A file in the wrong place may hold anything."""
    with pytest.raises(PolicyError) as found:
        read(tmp_path, GOOD.replace("role: record", "role: sentinel-value"))
    assert "sentinel-value" not in str(found.value)
    assert "role" in str(found.value)
    for text in ("{", "- 1\n- 2\n"):
        with pytest.raises(PolicyError):
            read(tmp_path, text)
    with pytest.raises(PolicyError, match="cannot be read"):
        read_register(tmp_path / "nothing.yaml")
