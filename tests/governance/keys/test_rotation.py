"""Keys of half-years over their life: old, new and destroyed epochs (R-ADM-02), on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from governance.errors import KeyringError, RefusedError
from governance.keys import Keyring, RootKey, reveal
from governance.keys.epochs import half_of, last_day, successor
from governance.keys.rotation import NOTICED_WITHIN, Chosen
from governance.keys.scopes import CIPHER, PERSONAL
from tests.governance.keys.conftest import ROOT_BYTES, WALL
from tests.postgresql import bytes_of, run_sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from governance.keys.reveal import Revealed
    from governance.keys.scopes import Scope

HALF = "2026H2"
SCOPE = ("statistics", "sepp", "analytics")
ANY = Chosen()


@pytest.fixture
def url(database: str) -> str:
    """Where the keyring will be: a file, then a server's database."""
    return database


def token(keyring: Keyring, value: str = "u-1", half: str = HALF) -> str:
    """Return the token that a stream would write now."""
    made = keyring.token_key(*SCOPE, "account", half).tokens([value])[0]
    assert made is not None
    return made


def found(keyring: Keyring, value: str = "u-1") -> dict[str, str]:
    """Return what a deletion would look for."""
    return keyring.subject_tokens(*SCOPE, "account", value)


def destroy(keyring: Keyring, epoch: str, chosen: Chosen = ANY, rows: int = 0) -> list[Scope]:
    """Destroy an epoch's keys as the command does."""
    return keyring.destroy_epoch(epoch, chosen, WALL, blocking=lambda _: rows)


def test_old_and_new_resolve_and_a_destroyed_one_is_not_made_again(keyring: Keyring, url: str, root: RootKey) -> None:
    """Rotate v1 to v2: both are found for deletion; destroy v1: its tokens cannot be reproduced, v2's can."""
    old = token(keyring)
    assert [scope.epoch for scope in keyring.rotate(HALF, ANY, WALL)] == ["2026H2b"]
    new = token(keyring)
    assert (old.split(".")[1], new.split(".")[1]) == ("2026H2", "2026H2b")
    assert old.rpartition(".")[2] != new.rpartition(".")[2]
    assert found(keyring) == {"2026H2": old, "2026H2b": new}
    assert [scope.epoch for scope in destroy(keyring, "2026H2")] == ["2026H2"]
    for ring in (keyring, Keyring.open(url, root)):
        assert found(ring) == {"2026H2b": new}
        assert token(ring) == new
    assert destroy(keyring, "2026H2") == []


STATES: dict[str, Callable[[Keyring], object]] = {
    "made": token,
    "rotated": lambda keyring: keyring.rotate(HALF, ANY, WALL),
    "rotated twice": lambda keyring: [keyring.rotate(HALF, ANY, WALL) for _ in range(2)],
    "old destroyed": lambda keyring: (keyring.rotate(HALF, ANY, WALL), destroy(keyring, "2026H2")),
    "new destroyed": lambda keyring: (keyring.rotate(HALF, ANY, WALL), destroy(keyring, "2026H2b")),
    "all destroyed": lambda keyring: destroy(keyring, "2026H2"),
}
MATRIX = {  # state: epochs found for deletion, epoch of what is made next
    "made": (["2026H2"], "2026H2"),
    "rotated": (["2026H2", "2026H2b"], "2026H2b"),
    "rotated twice": (["2026H2", "2026H2b", "2026H2c"], "2026H2c"),
    "old destroyed": (["2026H2b"], "2026H2b"),
    "new destroyed": (["2026H2"], "2026H2c"),
    "all destroyed": ([], "2026H2b"),
}


@pytest.mark.parametrize("state", STATES)
def test_matrix_of_epochs(keyring: Keyring, url: str, root: RootKey, state: str) -> None:
    """In every state exactly the living epochs are found, new tokens take the newest, and no name is used twice."""
    token(keyring)
    STATES[state](keyring)
    living, next_epoch = MATRIX[state]
    for ring in (keyring, Keyring.open(url, root, clock=lambda: WALL)):
        assert sorted(found(ring)) == living
    assert token(keyring).split(".")[1] == next_epoch
    assert token(Keyring.open(url, root)) == token(keyring)


@pytest.mark.parametrize("state", STATES)
def test_matrix_of_reversible_tokens(keyring: Keyring, state: str) -> None:
    """A reversible token opens as long as its own key is there, whatever came after it."""
    key = keyring.cipher_key("statistics", "sepp", "analytics", "encrypt.phone", HALF)
    old = key.encrypt(["13800138000"])
    STATES[state](keyring)
    new = keyring.cipher_key("statistics", "sepp", "analytics", "encrypt.phone", HALF).encrypt(["13800138000"])
    records: list[Revealed] = []
    opened = reveal(
        keyring, [*old, *new], purpose="statistics", system="sepp", recipient="analytics", field="phone",
        actor="ops", reason="test", record=records.append,
    )  # fmt: skip
    living, next_epoch = MATRIX[state]
    assert opened == ["13800138000" if "2026H2" in living else None, "13800138000"]
    assert (new[0] or "").split(".")[1] == next_epoch
    assert records[0].count == 2


def test_another_process_turns_to_the_new_key_within_seconds(url: str, root: RootKey, keyring: Keyring) -> None:
    """A stream that runs makes tokens with the new key soon after the rotation, and after a destruction too."""
    now = [WALL]
    stream = Keyring.open(url, root, clock=lambda: now[0])
    first = token(stream)
    keyring.rotate(HALF, ANY, WALL)
    assert token(stream) == first
    now[0] += NOTICED_WITHIN
    assert token(stream).startswith("v1.2026H2b.")
    destroy(keyring, "2026H2b")
    now[0] += NOTICED_WITHIN
    assert token(stream).startswith("v1.2026H2c.")


def test_a_key_destroyed_at_this_moment_has_a_successor(url: str, root: RootKey, keyring: Keyring) -> None:
    """A process that has not yet opened the key it chose takes the next one instead of failing."""
    stream = Keyring.open(url, root, clock=lambda: WALL)
    token(stream)
    destroy(keyring, "2026H2")
    cookies = stream.token_key(*SCOPE, "cookie", HALF).tokens(["c"])[0]
    assert cookies is not None
    assert cookies.startswith("v1.2026H2b.")


def test_rows_that_block_keep_every_key(keyring: Keyring) -> None:
    """While rows of one system are not due, nothing at all is destroyed, and the message counts them."""
    token(keyring)
    keyring.token_key("statistics", "mic_global", "analytics", "account", HALF)
    with pytest.raises(RefusedError, match=r"3 of sepp\. Their key goes when the last of them is due"):
        keyring.destroy_epoch(HALF, ANY, WALL, blocking=lambda scope: 3 if scope.system == "sepp" else 0)
    assert len(keyring.half_year_keys(HALF, ANY)) == 2
    assert [one.system for one in destroy(keyring, HALF, Chosen(system="mic_global"))] == ["mic_global"]
    assert [one.system for one in keyring.half_year_keys(HALF, ANY)] == ["sepp"]


def test_only_what_is_chosen_is_rotated(keyring: Keyring) -> None:
    """System, purpose and recipient narrow a rotation; another half-year is left alone, and so is what has no key."""
    token(keyring)
    token(keyring, half="2026H1")
    keyring.cipher_key("statistics", "sepp", "analytics", "encrypt.phone", HALF)
    assert keyring.rotate(HALF, Chosen(system="mic_global"), WALL) == []
    assert keyring.rotate(HALF, Chosen(purpose="marketing"), WALL) == []
    assert keyring.rotate(HALF, Chosen(recipient="partner"), WALL) == []
    assert keyring.rotate("2025H1", ANY, WALL) == []
    assert keyring.rotate(HALF, ANY, WALL, newest="2026H2b") == []
    made = keyring.rotate(HALF, Chosen("sepp", "statistics", "analytics"), WALL)
    assert sorted((one.use, one.epoch) for one in made) == [(CIPHER, "2026H2b"), (PERSONAL, "2026H2b")]
    assert token(keyring, half="2026H1").startswith("v1.2026H1.")


def test_when_a_key_went_out_of_use(keyring: Keyring) -> None:
    """A key without a successor is in use; with one, the time of the first successor counts."""
    token(keyring)
    assert keyring.unused_since(HALF, ANY) is None
    keyring.rotate(HALF, ANY, WALL)
    keyring.rotate(HALF, ANY, WALL + timedelta(days=1))
    assert keyring.unused_since(HALF, ANY) == "2026-11-23T09:30:00.000000Z"
    assert keyring.unused_since("2025H1", ANY) == ""


def test_destroyed_leaves_a_mark_and_no_key(keyring: Keyring, url: str) -> None:
    """The list tells that the epoch was destroyed; the wrapped key is in no byte of the database's files."""
    token(keyring)
    [(wrapped,)] = run_sql(url, "SELECT wrapped FROM ebb_keys WHERE use = 'personal'")
    assert wrapped in bytes_of(url)
    destroy(keyring, HALF)
    assert [(one.epoch, one.state) for one in keyring.keys(WALL)] == [(HALF, "destroyed")]
    assert wrapped not in bytes_of(url)
    assert keyring.destroy_expired(WALL + timedelta(days=900)) == 0
    assert [one.state for one in keyring.keys(WALL)] == ["destroyed"]


def test_two_who_destroy_at_once_destroy_once(keyring: Keyring, url: str, root: RootKey) -> None:
    """The second one, who looked before the first had done it, destroys nothing and says so."""
    token(keyring)
    other = Keyring.open(url, root, clock=lambda: WALL)

    def meanwhile(_: Scope) -> int:
        assert len(destroy(other, HALF)) == 1
        return 0

    assert keyring.destroy_epoch(HALF, ANY, WALL, blocking=meanwhile) == []
    assert [one.state for one in keyring.keys(WALL)] == ["destroyed"]


def test_finding_makes_no_key(keyring: Keyring) -> None:
    """A search for a subject whose system has no key stores none."""
    assert found(keyring) == {}
    assert keyring.keys(WALL) == []
    token(keyring)
    assert found(keyring, " ") == {}


@pytest.mark.usefixtures("keyring")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_read_only_keyring_is_not_rotated(url: str, root: RootKey) -> None:
    """Rotating and destroying without the right to write says what to change."""
    token(Keyring.open(url, root))
    closed = Keyring.open(f"{url.replace('///', '///file:')}?mode=ro&uri=true", root)
    for attempt in (lambda: closed.rotate(HALF, ANY, WALL), lambda: destroy(closed, HALF)):
        with pytest.raises(KeyringError, match=r"read-only.*write access"):
            attempt()


def test_a_wrong_root_key_resolves_nothing(keyring: Keyring, url: str) -> None:
    """Another root key does not open the keyring; put in its place by force, no token comes of it."""
    token(keyring)
    other = RootKey(ROOT_BYTES[::-1])
    with pytest.raises(KeyringError, match="does not belong"):
        Keyring.open(url, other)
    forced = Keyring(keyring._engine, other, keyring._salt, lambda: WALL)
    with pytest.raises(KeyringError, match="does not open"):
        found(forced)


def test_letters_run_out(keyring: Keyring) -> None:
    """After the letter z a half-year takes no further key, and says so."""
    token(keyring)
    for _ in range(25):
        keyring.rotate(HALF, ANY, WALL)
    assert token(keyring).startswith("v1.2026H2z.")
    with pytest.raises(RefusedError, match="last letter"):
        keyring.rotate(HALF, ANY, WALL)


def test_names_of_epochs() -> None:
    """A half-year is followed by itself with b; other names are refused."""
    assert [successor(one) for one in ("2026H2", "2026H2b", "2026H2y", "2026H2z")] == [
        "2026H2b", "2026H2c", "2026H2z", None,
    ]  # fmt: skip
    assert (half_of("2026H1c"), last_day("2026H1c"), last_day("2026H2")) == ("2026H1", "2026-06-30", "2026-12-31")
    for bad in ("2026H3", "2026H2a", "2026-11-23", "2026H2bb", ""):
        with pytest.raises(ValueError, match="half-year"):
            half_of(bad)
