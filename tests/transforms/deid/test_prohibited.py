"""Names of secrets and biometric data are found however they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from transforms.deid.prohibited import BIOMETRIC, SECRET, Prohibited

if TYPE_CHECKING:
    from governance.policy import Catalogue


@pytest.fixture(scope="module")
def prohibited(catalogue: Catalogue) -> Prohibited:
    """Search by the built-in inventory."""
    return Prohibited(catalogue)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("password", SECRET),
        ("PassWord", SECRET),
        ("pass-word", SECRET),
        ("pass word", SECRET),
        ("user_password_hash", SECRET),
        ("userPassword", SECRET),
        ("ｐａｓｓｗｏｒｄ", SECRET),
        ("passwd", SECRET),
        ("pwd", SECRET),
        ("client_secret", SECRET),
        ("api-key", SECRET),
        ("accessToken", SECRET),
        ("private.key", SECRET),
        ("security_info", SECRET),
        ("登录密码", SECRET),
        ("facial_feature", BIOMETRIC),
        ("Facial-Feature", BIOMETRIC),
        ("faceId", BIOMETRIC),
        ("fingerprint", BIOMETRIC),
        ("voice_print", BIOMETRIC),
    ],
)
def test_finds_names(prohibited: Prohibited, name: str, code: str) -> None:
    """A prohibited name is found in a parsed document and in text that cannot be parsed."""
    in_name, in_text = prohibited.names([name]), prohibited.text(f'{{"{name}": '.encode())
    assert in_name is not None
    assert in_text is not None
    assert (in_name.code, in_text.code) == (code, code)


@pytest.mark.parametrize("name", ["surface", "secretary_name", "compass", "interface", "page_url", "key", "token_kind"])
def test_leaves_others_alone(prohibited: Prohibited, name: str) -> None:
    """A name that merely resembles a prohibited one is not found."""
    assert prohibited.names([name]) is None
    assert prohibited.text(f'{{"{name}": '.encode()) is None


@pytest.mark.parametrize(
    "payload",
    [rb'{"p\u0061ssword": 1', rb"{\"p\\u0061ssword\": 1", b"pass%77ord=x", '{"password'.encode("utf-16")],
)
def test_finds_escaped_names(prohibited: Prohibited, payload: bytes) -> None:
    """Escapes and other encodings do not hide a name in text that cannot be parsed."""
    found = prohibited.text(payload)
    assert found is not None
    assert found.code == SECRET


def test_paths_hold_no_foreign_names(prohibited: Prohibited) -> None:
    """The path reported is a name of the inventory or a question mark, never the event's own name."""
    found = prohibited.names(["pwd of 13800138000"])
    assert found is not None
    assert found.path == "fields.?"
