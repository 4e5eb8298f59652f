"""Reversals of tokens: asked for under a case, approved by two others, carried out once (R-ADM-01). Pure.

reveal.requested → reveal.approved → reveal.approved → reveal.opened

Every state is read from the ledger's entries. They hold names of fields, counts and who acted, never a token or a text.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError

from governance.actors import approvers, folded
from governance.errors import LedgerError, RefusedError, UsageError
from governance.policy.parts import Identifier, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from governance.ledger import Entry

REQUESTED, APPROVED, OPENED = "reveal.requested", "reveal.approved", "reveal.opened"
LIFE = timedelta(hours=24)
APPROVALS = 2

_Said = Annotated[str, Field(pattern=r"\S")]
# The epoch reaches the ledger, so a line that only looks like a token must not carry a word of its own there.
_TOKEN = re.compile(r"v1s\.\d{4}H[12][b-z]?\.[A-Z2-7]+", re.ASCII)


class Request(Part):
    """What somebody asks to have opened.

    Attributes:
        tokens: how many.
        digest: binds exactly these tokens to this request; see `digest_of`.
        reason: why, without personal data.
        by: who asks.
    """

    format: Literal["ebb.reveal.v1"] = "ebb.reveal.v1"
    created: AwareDatetime
    expires: AwareDatetime
    case: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    system: Identifier
    field: Identifier
    purpose: Identifier
    recipient: Identifier
    tokens: int = Field(gt=0)
    digest: str
    reason: _Said
    by: _Said


@dataclass(frozen=True)
class Reversal:
    """A request and what became of it.

    Attributes:
        number: of the request, by which people name it.
        approvals: who approved, in order; each once, and never who asked.
        opened: its one opening is used.
    """

    number: str
    request: Request
    approvals: tuple[str, ...] = ()
    opened: bool = False

    def state(self, wall: datetime) -> str:
        """Return where it stands, in one word."""
        if self.opened:
            return "opened"
        if wall >= self.request.expires:
            return "expired"
        return "approved" if len(self.approvals) >= APPROVALS else "requested"


def read_tokens(text: str) -> tuple[str, ...]:
    """Return the distinct reversible tokens of a text, one a line, in their order.

    Raises:
        UsageError: a line is none, or there are none; names the line's number, not what it says.
    """
    found: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        token = line.strip()
        if token and _TOKEN.fullmatch(token) is None:
            raise UsageError(f"line {number} of the file is no reversible token: one v1s.<epoch>.<letters> a line")
        if token:
            found[token] = None
    if not found:
        raise UsageError("the file lists no token: one v1s.<epoch>.<letters> a line")
    return tuple(found)


def digest_of(number: str, tokens: Iterable[str]) -> str:
    """Return the SHA-256 that binds tokens to the request `number`, in whatever order they are listed.

    The number makes digests of the same tokens differ, so that two requests do not tell that they are about one person.

    Warnings:
        Who holds the table can try its tokens and learn which were asked for; not what they stand for.
    """
    return hashlib.sha256("\n".join([number, *sorted(set(tokens))]).encode()).hexdigest()


def make_request(
    number: str,
    tokens: Sequence[str],
    *,
    case: str,
    system: str,
    field: str,
    purpose: str,
    recipient: str,
    reason: str,
    by: str,
    wall: datetime,
) -> Request:
    """Return a request that expires a day after `wall`.

    Args:
        number: of the request; unique.
        tokens: distinct.
        case: under which they are to be opened.
        system: whose tokens they are.
        field: the inventory's name.
        purpose: for which they were made.
        recipient: for whom.
        reason: why, without personal data.
        by: who asks.
        wall: the wall clock.

    Raises:
        UsageError: names what is not valid, never the value.
    """
    try:
        return Request(
            created=wall,
            expires=wall + LIFE,
            case=case,
            system=system,
            field=field,
            purpose=purpose,
            recipient=recipient,
            tokens=len(tokens),
            digest=digest_of(number, tokens),
            reason=reason,
            by=by,
        )
    except ValidationError as problem:
        wrong = ", ".join(sorted({str(error["loc"][0]) for error in problem.errors(include_input=False)}))
        raise UsageError(
            f"not valid: {wrong}. A case is up to 64 letters, digits, dots, dashes and underscores; system, field, "
            "purpose and recipient are names as packs have them; reason and who asks are not empty"
        ) from None


def list_reversals(entries: Iterable[Entry]) -> list[Reversal]:
    """Return every request of the ledger's entries `reveal.…`, oldest first, but for those deleted when due.

    Raises:
        LedgerError: a request is not of this version.
    """
    told: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        told[entry.reference].append(entry)
    return [
        _told(story[0], story[1:])
        for story in told.values()
        if story[0].kind == REQUESTED and story[0].payload is not None
    ]


def find_reversal(entries: Iterable[Entry], number: str) -> Reversal:
    """Return the request with this number.

    Raises:
        RefusedError: there is none.
    """
    for found in list_reversals(entries):
        if found.number == number.strip().lower():
            return found
    raise RefusedError("there is no request with this number: `ebb reveal list` shows them")


def require_approvable(found: Reversal, by: str, wall: datetime) -> None:
    """Refuse an approval that does not count.

    Raises:
        RefusedError: with what to do next.
    """
    _require_open_end(found, by, wall)
    if folded(by) == folded(found.request.by):
        raise RefusedError(f"{by} asked for it: {APPROVALS} others approve it")
    if folded(by) in map(folded, found.approvals):
        raise RefusedError(f"{by} approved it already: somebody else approves it too")
    if len(found.approvals) >= APPROVALS:
        raise RefusedError(f"it has its {APPROVALS} approvals: ebb reveal open {found.number} --tokens-from FILE")


def require_openable(found: Reversal, tokens: Iterable[str], by: str, wall: datetime) -> None:
    """Refuse an opening that two others did not approve, or of other tokens than they approved.

    Raises:
        RefusedError: with what to do next.
    """
    _require_open_end(found, by, wall)
    if len(found.approvals) < APPROVALS:
        raise RefusedError(
            f"{len(found.approvals)} of {APPROVALS} approvals: somebody other than {found.request.by} "
            f"must approve it first: ebb reveal approve {found.number}"
        )
    if digest_of(found.number, tokens) != found.request.digest:
        raise RefusedError("these are not the tokens that were approved: give the same file, or ask anew for these")


def _require_open_end(found: Reversal, by: str, wall: datetime) -> None:
    if not folded(by):
        raise RefusedError("who acts has a name: give --by")
    if found.opened:
        raise RefusedError("this request was opened, and serves once: ask anew with `ebb reveal request`")
    if wall >= found.request.expires:
        raise RefusedError("this request expired: ask anew with `ebb reveal request`")


def _told(first: Entry, rest: Iterable[Entry]) -> Reversal:
    try:
        request = Request.model_validate_json(first.payload or "")
    except ValidationError:
        raise LedgerError(
            f"entry {first.number} of the ledger is no request of this version: run `ebb ledger verify`"
        ) from None
    later = list(rest)
    said = (entry.content.get("by", "") for entry in later if entry.kind == APPROVED)
    opened = any(entry.kind == OPENED for entry in later)
    return Reversal(first.reference, request, approvers(said, but=request.by), opened)
