"""Surrogate: an invented name, company or city in place of the true one, for test data and shown examples.

The pool of a locale is drawn from Faker with a fixed seed, then rid of repetitions: of 20,000 Chinese names only 9,330
differ. Many subjects therefore share a surrogate: it is no identifier, and must not be joined or counted by. A new
release of Faker may draw another pool.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa

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
        subjects: whose each value is: one subject has one surrogate, whatever the value; without one it is null.
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
    found = {by: names[int.from_bytes(mac[:16], "big") % len(names)] for by, mac in zip(distinct, macs, strict=True)}
    return pa.array([None if by is None else found[by] for by in wanted], pa.string())


@lru_cache(maxsize=_POOLS)
def pool(of: str, locale: str) -> tuple[str, ...]:
    """Return the distinct invented values of a kind and locale, in order."""
    import faker  # noqa: PLC0415 - its word lists take a while to load; most streams need none

    source = faker.Faker(locale)
    source.seed_instance(_SEED)
    draw = getattr(source, of)
    return tuple(sorted({name for name in (draw() for _ in range(DRAWS)) if len(name) <= _LONGEST}))
