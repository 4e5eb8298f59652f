"""A dictionary that cannot change: hashable, and it pickles, which `MappingProxyType` does not."""

from __future__ import annotations

from typing import NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class FrozenDict(dict[K, V]):
    """A dictionary whose content is fixed when it is made."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("policy data is frozen: make a new pack instead")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[FrozenDict[K, V]], tuple[dict[K, V]]]:
        """Pickle as a plain dictionary that is frozen again."""
        return (type(self), (dict(self),))
