"""Invented values."""

from __future__ import annotations

from typing import get_args

import pyarrow as pa
import pytest

from governance.policy.keyed import Locale
from tests.transforms.deid.treatments.keys import key
from transforms.deid.treatments.surrogate import DRAWS, pool, surrogate


def invented(texts: list[str | None], who: list[str | None] | None, of: str = "name") -> list[str | None]:
    """Return the texts after the treatment."""
    made: list[str | None] = surrogate(pa.array(texts, pa.string()), key(), who, of=of, locale="zh_CN").to_pylist()
    return made


def test_a_subject_has_one_surrogate() -> None:
    """However the name is written; two subjects of one name have each their own; nobody's name is nothing."""
    first, second, other, nobody, nothing = invented(
        ["张伟", "张 伟", "张伟", "张伟", None], ["li", "li", "wu", None, "li"]
    )
    assert first == second != other
    assert (nobody, nothing) == (None, None)
    assert {first, other} <= set(pool("name", "zh_CN"))


def test_by_value() -> None:
    """Equal values have one surrogate, whosever they are."""
    first, second, other = invented(["南京", "南京", "苏州"], None, of="city")
    assert first == second
    assert {first, other} <= set(pool("city", "zh_CN"))


def test_nobody_keeps_a_true_name() -> None:
    """A subject or value whose surrogate would be the true value gets the next of the pool, however that is written."""
    names = pool("company", "en_US")
    (own,) = invented_company(["x"])
    following = names[(names.index(own) + 1) % len(names)]
    assert invented_company([own, f" {own.upper()} ", own.replace("-", " - ").lower(), "x"]) == [following] * 3 + [own]
    towns = list(pool("city", "zh_CN"))
    made = invented(towns, None, of="city")
    assert not any(one == town for one, town in zip(made, towns, strict=True))


def invented_company(texts: list[str | None]) -> list[str]:
    """Return the companies of one subject."""
    column = surrogate(pa.array(texts), key(), ["li"] * len(texts), of="company", locale="en_US")
    made: list[str] = column.to_pylist()
    return made


def test_a_pool_holds_each_once() -> None:
    """Of 20,000 drawn Chinese names less than half are distinct; the pool counts those only, in a fixed order."""
    names = pool("name", "zh_CN")
    assert list(names) == sorted(set(names))
    assert 8_000 < len(names) < DRAWS / 2
    pool.cache_clear()
    assert pool("name", "zh_CN") == names


@pytest.mark.slow
@pytest.mark.parametrize("locale", get_args(Locale))
@pytest.mark.parametrize("of", ["name", "company", "city"])
def test_every_pool_is_there(of: str, locale: str) -> None:
    """Each locale that a pack can name has enough names, companies and cities."""
    assert len(pool(of, locale)) >= 50


def test_choices_spread() -> None:
    """Many subjects share few surrogates, none stands out."""
    made = invented(["x"] * 5000, [f"{number}" for number in range(5000)])
    assert len(set(made)) > 3000
    assert max(made.count(one) for one in set(made[:500])) < 12
