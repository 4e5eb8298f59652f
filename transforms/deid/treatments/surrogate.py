"""Surrogate: an invented name, company or city in place of the true one, for test data and shown examples.

The pool of a locale is drawn from Faker with a fixed seed, then rid of repetitions: of 20,000 Chinese names only 9,330
differ. Many subjects therefore share a surrogate: it is no identifier, and must not be joined or counted by. A new
release of Faker may draw another pool. Where the choice falls on the true value itself, the next of the pool stands in
for it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa

from governance.keys import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.keys import CipherKey

DRAWS, _SEED, _LONGEST = 20_000, 20_260_101, 64
_POOLS = 16


def surrogate(
    values: pa.Array, key: CipherKey, subjects: Sequence[str | None] | None, *, of: str, locale: str
) -> pa.Array:
    """Return an invented value for each value.

    Args:
        values: texts.
        key: the key of all surrogates of the epoch.
        subjects: whose each value is: one subject has one surrogate, unless that is the value; without one it is null.
            None: equal values have one surrogate.
        of: `name`, `company` or `city`.
        locale: one of Faker's.
    """
    texts = values.to_pylist()
    chosen_by = texts if subjects is None else subjects
    wanted = [None if text is None else by for text, by in zip(texts, chosen_by, strict=True)]
    distinct = list(dict.fromkeys(by for by in wanted if by is not None))
    use = "value" if subjects is None else "subject"
    macs = key.macs(f"{of}.{locale}.{use}", [by.encode("utf-8", "surrogatepass") for by in distinct])
    names = pool(of, locale)
    found = {by: int.from_bytes(mac[:16], "big") % len(names) for by, mac in zip(distinct, macs, strict=True)}
    made = [
        None if text is None or by is None else _another(names, found[by], text)
        for text, by in zip(texts, wanted, strict=True)
    ]
    return pa.array(made, pa.string())


def _another(names: Sequence[str], at: int, text: str) -> str:
    """Return the name at a place of the pool, or the next that is not the text, however that is written."""
    said = _plain(text)
    around = (names[(at + step) % len(names)] for step in range(len(names)))
    return next(name for name in around if _plain(name) != said)


def _plain(text: str) -> str:
    return "".join(canonical("name", text).casefold().split())


@lru_cache(maxsize=_POOLS)
def pool(of: str, locale: str) -> tuple[str, ...]:
    """Return the distinct invented values of a kind and locale, in order."""
    import faker  # noqa: PLC0415 - its word lists take a while to load; most streams need none

    source = faker.Faker(locale)
    source.seed_instance(_SEED)
    draw = getattr(source, of)
    return tuple(sorted({name for name in (draw() for _ in range(DRAWS)) if len(name) <= _LONGEST}))
