"""Parts of a policy pack that later stages act on: deadlines, codes, recipients. Data, no behaviour."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]
Code = Annotated[str, Field(pattern=r"^[A-Z]+(-[A-Z]+)?-([A-Z]|\d+)$")]
Requirement = Annotated[str, Field(pattern=r"^(R-[A-Z]+-\d{2}|G-\d{2})$")]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Form = Literal[
    "none",
    "fields",
    "case_fields",
    "aggregates",
    "certified_anonymous",
    "content_reference",
    "text_without_subject",
    "listing_text",
    "encrypted_storage",
]


class Part(BaseModel):
    """Base of every part: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(Part):
    """A number of days or working days."""

    value: int = Field(gt=0)
    unit: Literal["days", "working_days"]


class ReplyDeadline(Part):
    """Time to answer a request (R-DEL-03).

    Attributes:
        fallback: what counts where the calendar of working days is not known.
        or_earlier: a second deadline, if the earlier of both holds.
    """

    value: int = Field(gt=0)
    unit: Literal["days", "working_days"]
    fallback: Span
    or_earlier: Span | None = None
    requirement: Requirement
    reason: Text


class SourceDates(Part):
    """Dates printed on the policy; None where it prints none."""

    updated: dt.date | None = None
    effective: dt.date | None = None
    note: Text


class Coded(Part):
    """One item of a closed list: its code and what it means."""

    code: Code
    meaning: Text
    requirement: Requirement


class Allowed(Part):
    """What a recipient may get by default."""

    form: Form
    fields: tuple[Identifier, ...] = ()
    conditions: tuple[Text, ...] = ()


class Recipient(Part):
    """Somebody who may get data.

    Attributes:
        overseas: treated as outside the PRC; true too where the policies are silent (R-EXP-07).
        place: how the place is known.
    """

    id: Identifier
    purpose: Text
    permitted: Allowed
    overseas: bool
    place: Literal["stated", "from_name", "unknown"]
    requirement: Requirement
    reason: Text


class Export(Part):
    """On what ground data may leave the PRC."""

    basis: Literal["explicit_consent_and_deidentified", "explicit_authorization_or_law", "domestic_only"]
    certified_anonymous: bool
    requirement: Requirement
    reason: Text


class Notice(Part):
    """How users learn of a major change, and how long before (R-POL-02)."""

    days: int = Field(ge=7)
    channels: tuple[Text, ...] = Field(min_length=1)
    requirement: Requirement
    reason: Text


class Contact(Part):
    """Whom users turn to, and where they complain."""

    channels: tuple[Text, ...] = Field(min_length=1)
    complaints: tuple[Text, ...] = Field(min_length=1)
    requirement: Requirement
    reason: Text


class Assessment(Part):
    """Outcome of the impact assessment as far as the policy is concerned."""

    high_risk: bool = False
    requirement: Requirement
    reason: Text


class Unconfirmed(Part):
    """A permission that the legible text does not show: denied until the operator confirms it (G-04)."""

    what: Literal["exception", "sharing_ground", "recipient", "refusal", "public_disclosure"]
    id: Text
    meaning: Text
    requirement: Requirement
