"""Treatments that need a key: one frozen class each, as in `governance.policy.treatments`.

Those with `personal_only` are suppressed on the anonymous path: they can be turned back, or hold together what one
subject did. A kind names the key: a treatment with `shared` has one key for all fields of an event, so that the same
input gives the same result in each of them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from governance.policy.parts import Part

Alphabet = Literal["digits", "base36", "base36_upper", "base62"]
RADIX: dict[Alphabet, int] = {"digits": 10, "base36": 36, "base36_upper": 36, "base62": 62}
Locale = Literal["zh_CN", "en_US", "ja_JP", "ko_KR", "de_DE", "fr_FR", "es_ES", "ru_RU"]
SMALLEST_DOMAIN = 1_000_000
Lengths = Annotated[
    tuple[Annotated[int, Field(ge=2, le=256)], ...],
    Field(min_length=1),
    AfterValidator(lambda lengths: tuple(sorted(set(lengths)))),
]


class Keyed(Part):
    """Base of the treatments that need a key."""

    strictness: ClassVar[int] = 50
    personal_only: ClassVar[bool] = True
    shared: ClassVar[bool] = False

    def kind(self, field: str) -> str:
        """Return the kind of key for `field`."""
        name: str = self.do  # type: ignore[attr-defined]  # each class has its own
        return name if self.shared else f"{name}.{field}"


class Encrypt(Keyed):
    """Replace by a reversible token (AES-SIV): who holds the keyring can turn it back, and that is recorded."""

    do: Literal["encrypt"] = "encrypt"


class FormatPreserving(Keyed):
    """Encrypt within the form (FF1): as many signs, of the same alphabet; anything of another form is removed.

    Attributes:
        lengths: the only lengths that a value may have.
    """

    do: Literal["format_preserving"] = "format_preserving"
    alphabet: Alphabet = "digits"
    lengths: Lengths

    @model_validator(mode="after")
    def _large(self) -> Self:
        if RADIX[self.alphabet] ** self.lengths[0] < SMALLEST_DOMAIN:
            raise ValueError("a length allows fewer than a million values: they could all be tried")
        return self


class PrefixPreservingIp(Keyed):
    """Replace an address by another (Crypto-PAn): two that share a network still share one of the same size."""

    personal_only: ClassVar[bool] = False
    shared: ClassVar[bool] = True
    do: Literal["prefix_preserving_ip"] = "prefix_preserving_ip"


class DateShift(Keyed):
    """Shift dates and instants by whole days: by the same for all of a subject's, so that intervals stay."""

    shared: ClassVar[bool] = True
    do: Literal["date_shift"] = "date_shift"
    max_days: int = Field(ge=1, le=3650)


class PlanarLaplace(Keyed):
    """Move a point at random, by 2/ε km on average: by the same for all of a subject's day.

    Attributes:
        epsilon: ε for each km; 0.2 moves by 10 km on average.
    """

    shared: ClassVar[bool] = True
    do: Literal["planar_laplace"] = "planar_laplace"
    epsilon: float = Field(gt=0, le=10, allow_inf_nan=False)

    def kind(self, field: str) -> str:
        """Return the kind of key for every field with this ε.

        Under one key for two ε, the noise of one place in two fields would differ by a known factor, and show it.
        """
        return f"{super().kind(field)}.{self.epsilon}"


class Surrogate(Keyed):
    """Replace by an invented value that looks alike.

    Attributes:
        by: whom or what the choice follows: the subject of the event, or the value itself.
    """

    shared: ClassVar[bool] = True
    do: Literal["surrogate"] = "surrogate"
    of: Literal["name", "company", "city"]
    locale: Locale
    by: Literal["subject", "value"] = "subject"
