"""Rows of the inventory: what a field is, and what happens to it unless a pack is stricter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from governance.policy.parts import Identifier, Requirement, Text
from governance.policy.treatments import AUDIENCES, Audience, Keep, Pseudonymize, Reject, Treatment

if TYPE_CHECKING:
    from collections.abc import Iterator

Sensitivity = Literal["N", "N+", "P", "S", "X", "K"]
Retention = Literal["TXN", "LOG", "PROFILE", "COMM", "CONTENT", "PRIZE", "PERM", "GOV", "NONE"]
TokenKind = Literal[
    "account", "cookie", "device", "mac", "follow_up", "email", "phone", "order", "company"
]  # fmt: skip

_SHAPES = {"bool": "flag", "int64": "any_number", "int16": "any_number"}


class Row(BaseModel):
    """One field or event type of the inventory.

    Attributes:
        event: the row is an event type, not a field.
        signal: the row is a key of `meta`: obeyed, never stored.
        envelope: the row is a part of the envelope (`event_time`), not a key of `fields`.
        analytics: treatment on both paths, unless `anonymous` or `personal` says otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    field: Identifier
    group: Identifier
    type: Literal["text", "int64", "int16", "bool"] = "text"
    event: bool = False
    signal: bool = False
    envelope: bool = False
    sensitivity: Sensitivity = Field(alias="class")
    token_kind: TokenKind | None = None
    analytics: Treatment
    anonymous: Treatment | None = None
    personal: Treatment | None = None
    export: Literal["no", "gate", "agg"]
    retention: Retention
    requirement: Requirement
    reason: Text

    def treatment(self, audience: Audience) -> Treatment:
        """Return what the inventory does to this field for `audience`."""
        own = self.anonymous if audience == "anonymous" else self.personal
        return self.analytics if own is None else own

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for message in self._contradictions():
            raise ValueError(message)
        return self

    def _contradictions(self) -> Iterator[str]:
        both = [self.treatment(audience) for audience in AUDIENCES]
        wanted = {"K": "SECRET_PROHIBITED", "X": "BIOMETRIC_PROHIBITED"}.get(self.sensitivity)
        if wanted and any(not isinstance(one, Reject) or one.code != wanted for one in both):
            yield f"a field of this class is rejected with {wanted} on both paths"
        if self.sensitivity == "N+" and any(isinstance(one, Keep) for one in both):
            yield "a field of class N+ is never kept as it is (R-COMB-04)"
        if any(isinstance(one, Pseudonymize) for one in both) != (self.token_kind is not None):
            yield "token_kind goes with the treatment pseudonymize, and only with it"
        shape = _SHAPES.get(self.type)
        shapes = {one.shape for one in both if isinstance(one, Keep)}
        if shape and shapes - {shape}:
            yield f"keep of this type has the shape {shape}"
        if not shape and shapes & set(_SHAPES.values()):
            yield "keep of a text has no shape of a number or a flag"
        if self.event + self.signal + self.envelope > 1:
            yield "a row is an event, a signal, a part of the envelope, or a field"


class InventoryFile(BaseModel):
    """A file of inventory rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[Row, ...]
