"""What may happen to a field: one frozen class a treatment, told apart by `do`.

`strictness` is a level, not a measure: `Keep` < every generalisation and token < `CountOnly` < `Suppress` <
`Reject`. Two different treatments of one level are not comparable, nor is `Keep` with one that tells parts of any text
as they stand; `governance.policy.strictness` then falls back to `Suppress`. Treatments that need a key stand in
`governance.policy.keyed`, that of a file in `governance.policy.hierarchy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from governance.policy.frozen import FrozenDict
from governance.policy.hierarchy import Hierarchy
from governance.policy.keyed import DateShift, Encrypt, FormatPreserving, PlanarLaplace, PrefixPreservingIp, Surrogate

Audience = Literal["anonymous", "personal"]
AUDIENCES: tuple[Audience, ...] = ("anonymous", "personal")
Shape = Literal["code", "language", "host", "any_number", "flag"]
RejectCode = Literal["PURP_NOT_REGISTERED", "AUDIO_NOT_INITIATED", "BIOMETRIC_PROHIBITED", "SECRET_PROHIBITED"]
Words = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
Bands = Annotated[Mapping[str, Words], Field(min_length=1), AfterValidator(FrozenDict)]


class _Treatment(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    strictness: ClassVar[int] = 50


class Keep(_Treatment):
    """Keep a value that has the shape or is one of the values; any other text becomes `other`."""

    strictness: ClassVar[int] = 0
    do: Literal["keep"] = "keep"
    shape: Shape | None = None
    values: Annotated[tuple[str, ...], AfterValidator(lambda values: tuple(sorted(set(values))))] = ()

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.shape is None and not self.values:
            raise ValueError("keep needs a shape or values: text of any form is never kept")
        return self


class Suppress(_Treatment):
    """Remove the value; no column."""

    strictness: ClassVar[int] = 90
    do: Literal["suppress"] = "suppress"


class Reject(_Treatment):
    """Refuse the whole event at the door, with a reason code."""

    strictness: ClassVar[int] = 100
    do: Literal["reject"] = "reject"
    code: RejectCode


class Pseudonymize(_Treatment):
    """Replace by a keyed token: a purpose token on the personal path, a token of the day on the anonymous one."""

    do: Literal["pseudonymize"] = "pseudonymize"


class CountOnly(_Treatment):
    """Say only that the field was present."""

    strictness: ClassVar[int] = 80
    do: Literal["count_only"] = "count_only"


class FreeText(_Treatment):
    """Keep length and language of a text, and of its words what `words` says.

    `drop`: none. `redact`: all but the personal data found in them, which become `[redacted]`. `placeholder`: the
    same, and the mark names the kind: `[PHONE]` (R-SENS-07). `token`: on the personal path the mark is a keyed token
    of what was found, so that two texts with one identifier can be joined; on the anonymous path it is `placeholder`.
    """

    do: Literal["free_text"] = "free_text"
    words: Literal["drop", "redact", "placeholder", "token"] = "drop"


class CodeOnly(_Treatment):
    """Keep the leading code of a message, and the length of the rest."""

    do: Literal["code_only"] = "code_only"


class TruncateIp(_Treatment):
    """Keep the first `v4` bits of an IPv4 address, the first `v6` bits of an IPv6 address."""

    do: Literal["truncate_ip"] = "truncate_ip"
    v4: int = Field(ge=0, le=24)
    v6: int = Field(ge=0, le=48)


class UrlPath(_Treatment):
    """Keep the path as a template without query; the host too if `host`."""

    do: Literal["url_path"] = "url_path"
    host: bool = False


class UserAgentParts(_Treatment):
    """Keep family and major version of browser and system; drop the string."""

    do: Literal["user_agent"] = "user_agent"


class DeviceBrand(_Treatment):
    """Keep the brand of a device model."""

    do: Literal["device_brand"] = "device_brand"


class MajorVersion(_Treatment):
    """Keep the major number of a version."""

    do: Literal["major_version"] = "major_version"


class Categorize(_Treatment):
    """Replace by the first band of which a word occurs in the value, whatever its case; else by `other`."""

    do: Literal["categorize"] = "categorize"
    bands: Bands
    other: str = "other"

    def __eq__(self, other: object) -> bool:
        # The first band that matches wins: their order counts.
        if not isinstance(other, Categorize):
            return NotImplemented
        return (self.other, list(self.bands.items())) == (other.other, list(other.bands.items()))

    def __hash__(self) -> int:
        return hash((self.other, tuple(self.bands.items())))


class Bucket(_Treatment):
    """Replace a size or an amount by the bucket it falls into; `edges` ascend, in `unit`, 64 at most.

    Thousands of edges would keep the value itself.
    """

    do: Literal["bucket"] = "bucket"
    unit: Literal["GiB", "amount"] = "GiB"
    edges: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = Field(min_length=1, max_length=64)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("edges must ascend")
        return self


class City(_Treatment):
    """Replace a place by its city."""

    do: Literal["city"] = "city"


class Hour(_Treatment):
    """Replace an instant by its hour in +08:00."""

    do: Literal["hour"] = "hour"


class DatePart(_Treatment):
    """Replace an instant by its day or month in +08:00."""

    do: Literal["date_part"] = "date_part"
    unit: Literal["day", "month"]


class Mask(_Treatment):
    """Show the first and last signs of a text, hide the others.

    Attributes:
        hidden: the fewest signs that stay hidden; a shorter text shows none.
        hide_length: write as many `char` as `hidden`, whatever the length.
    """

    do: Literal["mask"] = "mask"
    first: int = Field(default=0, ge=0, le=6)
    last: int = Field(default=0, ge=0, le=4)
    char: Annotated[str, Field(min_length=1, max_length=1)] = "*"
    hidden: int = Field(default=4, ge=2, le=64)
    hide_length: bool = True


class Geohash(_Treatment):
    """Replace a point by its geohash cell: precision 6 is about 1.2 km by 0.6 km, 4 about 39 km by 20 km."""

    do: Literal["geohash"] = "geohash"
    precision: int = Field(ge=1, le=6)


class GroupThreshold(_Treatment):
    """Keep a value that at least `k` subjects share.

    A stream never counts across rows: there the value becomes its brand, or is dropped. Batch jobs that see a whole
    table count.
    """

    do: Literal["group_threshold"] = "group_threshold"
    k: int = Field(ge=2)
    in_stream: Literal["drop", "brand"] = "drop"


Treatment = Annotated[
    Keep
    | Suppress
    | Reject
    | Pseudonymize
    | CountOnly
    | FreeText
    | CodeOnly
    | TruncateIp
    | UrlPath
    | UserAgentParts
    | DeviceBrand
    | MajorVersion
    | Categorize
    | Bucket
    | City
    | Hour
    | DatePart
    | Hierarchy
    | Mask
    | Geohash
    | GroupThreshold
    | Encrypt
    | FormatPreserving
    | PrefixPreservingIp
    | DateShift
    | PlanarLaplace
    | Surrogate,
    Field(discriminator="do"),
]
