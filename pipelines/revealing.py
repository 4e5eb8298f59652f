"""The steps behind `ebb reveal`: ask, approve, open (R-ADM-01)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from governance.errors import EbbError, RefusedError, UsageError
from governance.keys import reveal
from governance.ledger import Ledger
from governance.policy import load_catalogue
from governance.policy.keyed import Encrypt
from governance.reversals import (
    APPROVED,
    OPENED,
    REQUESTED,
    Reversal,
    find_reversal,
    list_reversals,
    make_request,
    read_tokens,
    require_approvable,
    require_openable,
)
from pipelines.ledger_dataset import ledger_to_read
from pipelines.settings import wall_clock

if TYPE_CHECKING:
    from pathlib import Path

    from governance.keys import Revealed
    from governance.policy import Catalogue
    from pipelines.settings import Settings

_ENTRIES = "reveal."
_NUMBER_BYTES = 6


def request_reversal(
    settings: Settings,
    tokens_file: Path,
    *,
    case: str,
    system: str,
    field: str,
    purpose: str,
    recipient: str,
    reason: str,
    by: str,
) -> Reversal:
    """Write into the ledger that somebody asks to have tokens opened; nothing is opened.

    Raises:
        UsageError: no pack or row knows system or field, none treats it by `encrypt`, or the file lists something else
            than tokens.
    """
    catalogue = load_catalogue(settings.packs)
    if system not in catalogue.systems:
        raise UsageError(f"no pack is of this system; known are {', '.join(sorted(catalogue.systems))}")
    if field not in catalogue.inventory:
        raise UsageError("the inventory has no such field: `ebb catalog TABLE --personal` lists those of a table")
    if field not in (turned_back := _encrypted(catalogue, system)):
        told = f"those are {', '.join(turned_back)}" if turned_back else "there is none"
        raise UsageError(f"no pack of {system} treats {field} by `encrypt`, and nothing else is turned back: {told}")
    tokens, number, wall = _tokens(tokens_file), secrets.token_hex(_NUMBER_BYTES), wall_clock()
    request = make_request(
        number,
        tokens,
        case=case,
        system=system,
        field=field,
        purpose=purpose,
        recipient=recipient,
        reason=reason,
        by=by,
        wall=wall,
    )
    Ledger.open(settings.ledger_url).append(REQUESTED, number, request.model_dump(mode="json"), wall)
    return Reversal(number, request)


def approve_reversal(settings: Settings, number: str, by: str) -> Reversal:
    """Record that somebody approves exactly this request.

    Raises:
        RefusedError: it is over, or who approves asked for it or approved it before.
    """
    ledger, wall = Ledger.open(settings.ledger_url), wall_clock()
    found = find_reversal(ledger.entries(_ENTRIES), number)
    require_approvable(found, by, wall)
    content = {"by": by, "case": found.request.case, "tokens": found.request.tokens}
    ledger.append(APPROVED, found.number, content, wall)
    return find_reversal(ledger.entries(_ENTRIES), found.number)


def open_reversal(
    settings: Settings, number: str, tokens_file: Path, by: str
) -> tuple[Reversal, dict[str, str | None]]:
    """Open the tokens of an approved request, once, after the ledger says so.

    Returns:
        The request, and the text of each token; None where its key is gone or of another scope.

    Guarantees:
        The texts are returned and nowhere else. If the ledger cannot be written, nothing is opened.

    Raises:
        RefusedError: it must not be opened.
        EbbError: the ledger's chain is broken.
    """
    ledger, tokens = Ledger.open(settings.ledger_url), _tokens(tokens_file)
    found = find_reversal(ledger.entries(_ENTRIES), number)
    require_openable(found, tokens, by, wall_clock())
    if broken := ledger.first_broken():
        raise EbbError(f"entry {broken.number} of the ledger is {broken.what}: nothing is opened on such a record")
    request = found.request

    def record(told: Revealed) -> None:
        content = {"by": told.actor, "case": request.case, "tokens": told.count, "epochs": list(told.epochs)}
        mine = ledger.append(OPENED, found.number, content, wall_clock())
        if ledger.entries(OPENED, found.number)[0].number != mine.number:  # appending is what two at once queue for
            raise RefusedError("somebody else opened this request just now: ask anew with `ebb reveal request`")

    texts = reveal(
        settings.opener(),
        tokens,
        purpose=request.purpose,
        system=request.system,
        recipient=request.recipient,
        field=request.field,
        actor=by,
        reason=request.reason,
        record=record,
    )
    return found, dict(zip(tokens, texts, strict=True))


def reversals(settings: Settings) -> list[Reversal]:
    """Return every request that the ledger knows, oldest first."""
    return list_reversals(ledger_to_read(settings).entries(_ENTRIES))


def _encrypted(catalogue: Catalogue, system: str) -> list[str]:
    """Return the fields of which some pack of a system makes reversible tokens."""
    found = {
        name
        for pack in catalogue.packs
        if pack.system == system
        for name in pack.names & catalogue.inventory.keys()
        if isinstance(pack.treatments.get(name, catalogue.inventory[name].treatment("personal")), Encrypt)
    }
    return sorted(found)


def _tokens(path: Path) -> tuple[str, ...]:
    """Read a file of tokens; bytes that are no text are no token either."""
    return read_tokens(path.read_text(encoding="utf-8", errors="replace"))
