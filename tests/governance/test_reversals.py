"""What the ledger's entries make of a request to open tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.errors import LedgerError, RefusedError, UsageError
from governance.keys.ciphers import epoch_of
from governance.ledger import Ledger
from governance.reversals import (
    APPROVED,
    LIFE,
    OPENED,
    REQUESTED,
    Reversal,
    digest_of,
    find_reversal,
    list_reversals,
    make_request,
    read_tokens,
    require_approvable,
    require_openable,
)
from tests.postgresql import take_payload

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
NUMBER = "68e640687f5b"
TOKENS = ("v1s.2026H2.NUCNP2KTXOOSFMCA7U2W", "v1s.2027H1b.AAAA")
ASKED: dict[str, Any] = {
    "case": "2026-17",
    "system": "sepp",
    "field": "phone",
    "purpose": "statistics",
    "recipient": "analytics",
    "reason": "call back",
    "by": "lin",
}


@pytest.fixture
def ledger(database: str) -> Ledger:
    """Return a ledger with one request, once in a file and once on a server."""
    made = Ledger.open(database)
    request = make_request(NUMBER, TOKENS, **ASKED, wall=NOW)
    made.append(REQUESTED, NUMBER, request.model_dump(mode="json"), NOW)
    return made


def approved(ledger: Ledger, *names: str) -> Reversal:
    """Write approvals as they come, whoever approves, and return what the ledger makes of them."""
    for name in names:
        ledger.append(APPROVED, NUMBER, {"by": name}, NOW)
    return told(ledger)


def told(ledger: Ledger) -> Reversal:
    """Return the request as the ledger tells it."""
    return find_reversal(ledger.entries(), NUMBER)


def test_tokens_are_read_one_a_line_and_once() -> None:
    """Blanks around and between do not count, a token that comes twice is one."""
    assert read_tokens(f"{TOKENS[0]}\r\n\n  {TOKENS[1]} \n{TOKENS[0]}\n") == TOKENS
    assert [epoch_of(token) for token in TOKENS] == ["2026H2", "2027H1b"]


@pytest.mark.parametrize(
    "line",
    ["phone", "13912345678", "v1.2026H2.AAAA", "v1s.zhangwei.AAAA", "v1s.2026H2.aaaa", "v1s.2026H2.", "v1s.٢٠٢٦H2.A"],
)
def test_a_line_that_is_no_token_is_named_by_its_number(line: str) -> None:
    """A header, a value or a token of another kind is refused, and not repeated."""
    with pytest.raises(UsageError, match="line 2 of the file is no reversible token") as problem:
        read_tokens(f"{TOKENS[0]}\n{line}\n")
    assert line not in str(problem.value)


def test_a_file_without_tokens_is_refused() -> None:
    """Nothing asked for is no request."""
    with pytest.raises(UsageError, match="lists no token"):
        read_tokens("\n \n")


def test_the_digest_binds_the_tokens_and_does_not_link_requests() -> None:
    """Order and repetition do not count; one token more, or another request, gives another digest."""
    digest = digest_of(NUMBER, TOKENS)
    assert digest == digest_of(NUMBER, (*reversed(TOKENS), TOKENS[0]))
    assert digest != digest_of(NUMBER, TOKENS[:1])
    assert digest != digest_of("000000000000", TOKENS)


@pytest.mark.parametrize(
    ("name", "value"),
    [("case", "Zhang Wei"), ("system", "SEPP!"), ("field", "139 1234"), ("purpose", ""), ("recipient", "a b"),
     ("reason", " "), ("by", "\t")],
)  # fmt: skip
def test_what_is_not_valid_is_named_and_not_repeated(name: str, value: str) -> None:
    """Only a case's number and names as packs have them reach the ledger; reason and person are there."""
    with pytest.raises(UsageError, match=f"not valid: {name}\\.") as problem:
        make_request(NUMBER, TOKENS, **{**ASKED, name: value}, wall=NOW)
    assert not value.strip() or value not in str(problem.value)


def test_from_request_to_opening(ledger: Ledger) -> None:
    """The state follows the entries; two approvals of others make it ready, its opening ends it."""
    found = told(ledger)
    assert (found.state(NOW), found.approvals) == ("requested", ())
    for name in ("wang", "chen"):
        with pytest.raises(RefusedError, match=f"of 2 approvals: .*ebb reveal approve {NUMBER}"):
            require_openable(found, TOKENS, "ops", NOW)
        require_approvable(found, name, NOW)
        found = approved(ledger, name)
    assert (found.state(NOW), found.approvals) == ("approved", ("wang", "chen"))
    require_openable(found, reversed(TOKENS), "ops", NOW)
    ledger.append(OPENED, NUMBER, {"by": "ops"}, NOW)
    found = told(ledger)
    assert found.state(NOW + LIFE) == "opened"
    with pytest.raises(RefusedError, match="serves once: ask anew"):
        require_openable(found, TOKENS, "ops", NOW)
    with pytest.raises(RefusedError, match="serves once: ask anew"):
        require_approvable(found, "zhao", NOW)


def test_other_tokens_than_approved_do_not_open(ledger: Ledger) -> None:
    """Neither more nor fewer nor others."""
    found = approved(ledger, "wang", "chen")
    for tokens in (TOKENS[:1], (*TOKENS, "v1s.2026H2.BBBB"), ("v1s.2026H2.BBBB", TOKENS[1])):
        with pytest.raises(RefusedError, match="not the tokens that were approved"):
            require_openable(found, tokens, "ops", NOW)


@pytest.mark.parametrize(
    ("name", "why"),
    [("lin", "lin asked for it"), (" LIN ", "asked for it"), ("wang", "approved it already"),
     ("Wang", "approved it already"), (" ", "has a name")],
)  # fmt: skip
def test_who_must_not_approve(ledger: Ledger, name: str, why: str) -> None:
    """Not who asked, nobody twice whatever the spelling, nobody without a name."""
    with pytest.raises(RefusedError, match=why):
        require_approvable(approved(ledger, "wang"), name, NOW)


def test_a_third_approval_is_not_needed(ledger: Ledger) -> None:
    """It says what comes next instead."""
    with pytest.raises(RefusedError, match=f"ebb reveal open {NUMBER}"):
        require_approvable(approved(ledger, "wang", "chen"), "zhao", NOW)


def test_approvals_that_should_not_be_there_do_not_count(ledger: Ledger) -> None:
    """Entries of who asked, of one person twice and of nobody leave the request where it was."""
    found = approved(ledger, "lin", "wang", "WANG", "", "Lin")
    assert (found.approvals, found.state(NOW)) == (("wang",), "requested")


def test_nobody_opens_namelessly(ledger: Ledger) -> None:
    """The record says who."""
    with pytest.raises(RefusedError, match="has a name"):
        require_openable(approved(ledger, "wang", "chen"), TOKENS, " ", NOW)


def test_a_request_lives_a_day(ledger: Ledger) -> None:
    """Up to then it is approved and opened, from then on neither."""
    found = approved(ledger, "wang", "chen")
    require_openable(found, TOKENS, "ops", NOW + LIFE - timedelta(seconds=1))
    assert found.state(NOW + LIFE) == "expired"
    with pytest.raises(RefusedError, match="expired: ask anew"):
        require_openable(found, TOKENS, "ops", NOW + LIFE)
    with pytest.raises(RefusedError, match="expired: ask anew"):
        require_approvable(found, "zhao", NOW + LIFE)


def test_requests_are_listed_and_found_by_their_number(ledger: Ledger, database: str) -> None:
    """Oldest first, by the whole number, whatever else the ledger holds; one deleted when due is gone."""
    other = "ffffffffffff"
    ledger.append("hold.placed", "2026-17", {}, NOW)
    second = ledger.append(REQUESTED, other, told(ledger).request.model_dump(mode="json"), NOW)
    assert [found.number for found in list_reversals(ledger.entries())] == [NUMBER, other]
    assert find_reversal(ledger.entries(), f" {other.upper()}").number == other
    for number in (NUMBER[:11], "2026-17", ""):
        with pytest.raises(RefusedError, match="no request with this number"):
            find_reversal(ledger.entries(), number)
    take_payload(database, second.number)
    assert [found.number for found in list_reversals(ledger.entries())] == [NUMBER]


def test_a_request_is_what_its_first_entry_says(ledger: Ledger) -> None:
    """A second request under the same number changes nothing of what was approved."""
    before = told(ledger)
    other = make_request(NUMBER, TOKENS[:1], **{**ASKED, "by": "wang"}, wall=NOW)
    ledger.append(REQUESTED, NUMBER, other.model_dump(mode="json"), NOW)
    assert told(ledger) == before


def test_a_request_of_another_version_is_not_guessed_at(ledger: Ledger) -> None:
    """It is named by its entry, without what it says."""
    ledger.append(REQUESTED, "ffffffffffff", {"format": "ebb.reveal.v9", "case": "Zhang"}, NOW)
    with pytest.raises(LedgerError, match="entry 2 of the ledger") as problem:
        list_reversals(ledger.entries())
    assert "Zhang" not in str(problem.value)
