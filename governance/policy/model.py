"""Policy packs, the pair that judges an event, and the catalogue of packs and inventory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, computed_field, field_validator

from governance.policy.frozen import FrozenDict
from governance.policy.parts import (
    Assessment,
    Coded,
    Contact,
    Export,
    Identifier,
    Notice,
    Recipient,
    ReplyDeadline,
    Requirement,
    SourceDates,
    Text,
    Unconfirmed,
)
from governance.policy.rows import Row, Sensitivity
from governance.policy.strictness import stricter
from governance.policy.treatments import Audience, Suppress, Treatment

Purpose = Literal[
    "membership", "display", "personalization", "subscription", "marketing", "prize", "customer_service",
    "dispute", "exhibition", "upload", "messaging", "order", "payment", "delivery", "publishing", "security",
    "survey", "statistics", "legal_duty", "contract_performance", "interactive_projects",
]  # fmt: skip
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RECORD_STREAMS", "STREAMS", "Catalogue", "Pack", "PackPair", "PackText", "Row"]

STREAMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"service_log": ("service_log", "cookie", "equipment"), "equipment": ("equipment",)}
)
RECORD_STREAMS: Mapping[str, tuple[str, ...]] = MappingProxyType({"transactions": ("order", "payment", "logistics")})
"""Streams of records that the law wants kept: nothing of them expires on arrival, no record is refused for a field."""

_YEARS = (1900, 9000)
"""Bounds of a pack's validity, so that a zone's offset never leads out of the calendar."""

_CONTACTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "transactions": frozenset(
            {
                "member_name", "account_number", "email", "name", "contact_name", "real_name", "phone", "landline",
                "contact_number", "mobile_phone", "country", "region", "postal_address", "address_info",
                "company_name",
            }
        )
    }
)  # fmt: skip
_EVENT_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"service_log": ("service_log", "cookie"), "equipment": ("equipment",), "transactions": ("order", "service_log")}
)


class Override(BaseModel):
    """A pack's own treatment of a field; it may only be stricter than the inventory's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: Identifier
    treatment: Treatment
    requirement: Requirement | None = None
    reason: Text


class PackText(BaseModel):
    """A policy pack as its file says it. `names` are the inventory rows that the policy names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Identifier
    system: Identifier
    title: Text
    operator: Text
    source: SourceDates
    prevailing_language: Literal["zh", "en"] | None = None
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None
    names: frozenset[Identifier]
    on_unknown: Literal["drop", "quarantine"] = "drop"
    personal_with: Literal["account", "any_subject"] = "account"
    overrides: tuple[Override, ...] = ()
    url_templates: tuple[Annotated[str, Field(pattern=r"^/")], ...] = ()
    purposes: frozenset[Purpose]
    reply_deadline: ReplyDeadline
    exceptions: tuple[Coded, ...] = ()
    sharing_exceptions: tuple[Coded, ...] = ()
    sharing_grounds: tuple[Coded, ...] = ()
    public_disclosure: tuple[Coded, ...] = ()
    refusals: tuple[Coded, ...] = ()
    may_refuse: tuple[Coded, ...] = ()
    deletion_grounds: tuple[Coded, ...] = ()
    retention_criteria: tuple[Coded, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    unconfirmed: tuple[Unconfirmed, ...] = ()
    export: Export
    notice: Notice
    contact: Contact
    assessment: Assessment

    @field_validator("valid_from", "valid_to")
    @classmethod
    def _in_utc(cls, instant: datetime | None) -> datetime | None:
        if instant is None:
            return None
        if not _YEARS[0] <= instant.year <= _YEARS[1]:
            raise ValueError(f"must lie between the years {_YEARS[0]} and {_YEARS[1]}")
        return instant.astimezone(UTC)

    @property
    def treatments(self) -> Mapping[str, Treatment]:
        """Return the overrides by field."""
        return FrozenDict({one.field: one.treatment for one in self.overrides})

    def contains(self, instant: datetime) -> bool:
        """Say whether the pack is in force at the aware `instant`: from `valid_from` to before `valid_to`."""
        return (self.valid_from is None or self.valid_from <= instant) and (
            self.valid_to is None or instant < self.valid_to
        )


class Pack(PackText):
    """A resolved pack: its text, and the digest of the text with the inventory rows that it names."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def citation(self) -> str:
        """Return what a stored row says of its policy: the id and the start of the digest."""
        return f"{self.id}@{self.digest[:16]}"

    def treatment(self, row: Row, audience: Audience) -> Treatment:
        """Return what happens to `row` under this pack.

        Guarantees: a field that the policy does not name is suppressed (R-PURP-01), prohibited and secret
        fields are rejected whether named or not, an override never weakens the inventory.
        """
        base = row.treatment(audience)
        if row.field not in self.names:
            return base if row.sensitivity in ("K", "X") else Suppress()
        own = self.treatments.get(row.field)
        return base if own is None else stricter(base, own)

    def __hash__(self) -> int:
        return hash(self.digest)


@dataclass(frozen=True)
class PackPair:
    """The pack of an event's time and the pack of now: fieldwise, the stricter of both wins (R-POL-01)."""

    at_event: Pack
    at_now: Pack

    @property
    def citation(self) -> str:
        """Return the citation of the pack in force at `event_time`."""
        return self.at_event.citation

    @property
    def names(self) -> frozenset[str]:
        """Return the rows that both packs name."""
        return self.at_event.names & self.at_now.names

    @property
    def on_unknown(self) -> Literal["drop", "quarantine"]:
        """Return `quarantine` if either pack asks for it."""
        return "quarantine" if "quarantine" in (self.at_event.on_unknown, self.at_now.on_unknown) else "drop"

    @property
    def personal_with(self) -> Literal["account", "any_subject"]:
        """Return `any_subject` if either pack asks for it: more events count as personal."""
        either = (self.at_event.personal_with, self.at_now.personal_with)
        return "any_subject" if "any_subject" in either else "account"

    @property
    def url_templates(self) -> tuple[str, ...]:
        """Return the templates that both packs register."""
        return tuple(one for one in self.at_event.url_templates if one in self.at_now.url_templates)

    def treatment(self, row: Row, audience: Audience) -> Treatment:
        """Return the stricter of the two packs' treatments of `row`."""
        return stricter(self.at_event.treatment(row, audience), self.at_now.treatment(row, audience))


@dataclass(frozen=True)
class Catalogue:
    """The inventory and every pack; immutable, and it pickles.

    Attributes:
        inventory: rows by name, in the order of the files.
        packs: sorted by system and start.
    """

    inventory: Mapping[str, Row]
    packs: tuple[Pack, ...]
    systems: frozenset[str] = field(init=False)
    secret_names: frozenset[str] = field(init=False)
    biometric_names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        set_once = object.__setattr__
        set_once(self, "inventory", FrozenDict(self.inventory))
        set_once(self, "systems", frozenset(pack.system for pack in self.packs))
        set_once(self, "secret_names", self._of_class("K"))
        set_once(self, "biometric_names", self._of_class("X"))

    def _of_class(self, sensitivity: Sensitivity) -> frozenset[str]:
        return frozenset(name for name, row in self.inventory.items() if row.sensitivity == sensitivity)

    def pack_at(self, system: str, instant: datetime) -> Pack | None:
        """Return the pack of `system` in force at the aware `instant`; None if there is none."""
        if instant.utcoffset() is None:
            raise ValueError("pack_at needs an aware instant")
        return next((one for one in self.packs if one.system == system and one.contains(instant)), None)

    def pack(self, pack_id: str) -> Pack | None:
        """Return the pack with this id."""
        return next((pack for pack in self.packs if pack.id == pack_id), None)

    def stream_fields(self, stream: str) -> tuple[Row, ...]:
        """Return the keys of `fields` that the stream knows, in the inventory's order.

        Events, signals of `meta` and parts of the envelope are not among them.
        """
        groups = STREAMS[stream] if stream in STREAMS else RECORD_STREAMS[stream]
        contacts = _CONTACTS.get(stream, frozenset())
        return tuple(
            row
            for row in self.inventory.values()
            if (row.group in groups or row.field in contacts) and not (row.event or row.signal or row.envelope)
        )

    def event_types(self, stream: str) -> frozenset[str]:
        """Return the event types that the stream accepts: records of transactions go to their own stream only."""
        groups, records = _EVENT_GROUPS[stream], stream in RECORD_STREAMS
        return frozenset(
            name
            for name, row in self.inventory.items()
            if row.event and row.group in groups and (row.retention == "TXN") == records
        )
