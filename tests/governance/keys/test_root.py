"""The root key and its file."""

from __future__ import annotations

import base64
import pickle
from typing import TYPE_CHECKING

import pytest

from governance.errors import KeyringError
from governance.keys import OpsKey, RootKey
from governance.keys.files import publish
from tests.governance.keys.conftest import OPS_BYTES, ROOT_BYTES

if TYPE_CHECKING:
    from pathlib import Path

SPELLINGS = [
    ROOT_BYTES.hex(),
    ROOT_BYTES.hex().upper() + "\n",
    base64.b64encode(b"\xff" * 32).decode(),
    base64.urlsafe_b64encode(b"\xff" * 32).decode().rstrip("="),
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_spellings_of_a_key(text: str) -> None:
    """Hexadecimal and both alphabets of base64 are read."""
    expected = ROOT_BYTES if len(text) >= 64 else b"\xff" * 32
    read = RootKey.from_text(text, "test")
    assert read.derive("x", salt=b"s") == RootKey(expected).derive("x", salt=b"s")


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "!" * 43, "é" * 44, ROOT_BYTES.hex()[:-2]])
def test_other_texts_are_refused_unquoted(text: str) -> None:
    """What is not 32 bytes raises, and the message does not hold it."""
    with pytest.raises(KeyringError, match="32 bytes") as caught:
        RootKey.from_text(text, "EBB_ROOT_KEY")
    assert not text or text not in str(caught.value)


def test_a_key_is_32_bytes() -> None:
    """A shorter key is refused where it is made."""
    with pytest.raises(KeyringError, match="32 bytes"):
        RootKey(b"short")


def test_a_written_key_is_private_and_stays(tmp_path: Path) -> None:
    """The file has mode 0600, no draft is left, and a second call changes nothing."""
    path = tmp_path / "root.key"
    assert RootKey.write_new(path)
    before = path.read_text()
    assert not RootKey.write_new(path)
    assert path.read_text() == before
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["root.key"]
    expected = RootKey(bytes.fromhex(before)).derive("x", salt=b"s")
    assert RootKey.from_file(path).derive("x", salt=b"s") == expected


def test_the_ops_key_has_a_file_too(tmp_path: Path) -> None:
    """A written private ops key is closed to others, stays, and gives one public half."""
    path = tmp_path / "ops.key"
    assert OpsKey.write_new(path)
    assert not OpsKey.write_new(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert OpsKey.from_file(path).public() == OpsKey.from_text(path.read_text(), "test").public()


def test_a_file_open_to_others_is_refused(tmp_path: Path) -> None:
    """A root key that others can read is not used, and the message says what to do."""
    path = tmp_path / "root.key"
    RootKey.write_new(path)
    path.chmod(0o640)
    with pytest.raises(KeyringError, match="chmod 600"):
        RootKey.from_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A missing root key says which file, and what to do."""
    with pytest.raises(KeyringError, match=r"root.key is missing: restore it, or run `ebb keys init`"):
        RootKey.from_file(tmp_path / "root.key")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Raw bytes in the file are refused without a traceback."""
    path = tmp_path / "root.key"
    path.touch(mode=0o600)
    path.write_bytes(b"\xff" * 32)
    with pytest.raises(KeyringError, match="not text"):
        RootKey.from_file(path)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    """A path that cannot be read as a file is refused with its reason."""
    with pytest.raises(KeyringError, match="cannot be read"):
        RootKey.from_file(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """Writing into a folder that is not there says so."""
    with pytest.raises(KeyringError, match="cannot write in"):
        RootKey.write_new(tmp_path / "nowhere" / "root.key")


def test_a_draft_that_cannot_be_published_is_reported(tmp_path: Path) -> None:
    """Where a file cannot get its name, the error says so."""
    with pytest.raises(KeyringError, match="hard links"):
        publish(tmp_path / "no-draft", tmp_path / "root.key")


@pytest.mark.parametrize("handle", [RootKey(ROOT_BYTES), OpsKey(OPS_BYTES)])
def test_handles_stay_and_hide(handle: object) -> None:
    """Root and ops keys are not pickled and show only their class."""
    with pytest.raises(TypeError, match="key material"):
        pickle.dumps(handle)
    assert repr(handle) == f"<{type(handle).__name__}: hidden>"
    assert ROOT_BYTES.hex() not in repr(handle)
