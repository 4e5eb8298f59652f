r"""Finding names of secrets and of biometric data, however they are written (R-PURP-07, R-PURP-08).

A name is compared after unescaping, compatibility folding (NFKC) and case folding, and with its separators removed,
so that `Pass-Word`, `p\u0061ssword` and `userPassword` are all found. Text that cannot be parsed is searched whole.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from governance.policy import Catalogue

SECRET, BIOMETRIC = "SECRET_PROHIBITED", "BIOMETRIC_PROHIBITED"
# Found anywhere in a name; those in _SHORT only as a whole word, or `surface` and `secretary` would be found too.
_LONG = {
    SECRET: ("password", "passwd", "passphrase", "apikey", "accesstoken", "privatekey", "密码", "口令"),
    BIOMETRIC: ("fingerprint", "voiceprint", "facialfeature", "人脸", "声纹", "指纹"),
}
_SHORT = {SECRET: ("pwd", "secret", "passcode"), BIOMETRIC: ("face", "facial")}
_REMEMBERED = 128  # characters
_ENVELOPE = frozenset({"system", "event_id", "event_type", "event_time", "subject", "fields", "meta", "source"})
_ESCAPE = re.compile(r"(?<!\\)\\++u([0-9a-fA-F]{4})")
_PERCENT = re.compile(r"%([2-7][0-9a-fA-F])")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOISE = re.compile(r"[^\w]|_")
_ASCII_NOISE = {sign: None for sign in range(128) if not chr(sign).isalnum()}


class Found(NamedTuple):
    """A prohibited name: the reason code, and the inventory's name where it is one."""

    code: str
    name: str | None

    @property
    def path(self) -> str:
        """Return the path to report: never a name that the inventory does not hold."""
        return f"fields.{self.name or '?'}"


class Prohibited:
    """Searches names and unparsed text for what must be destroyed."""

    def __init__(self, catalogue: Catalogue) -> None:
        own = {SECRET: catalogue.secret_names, BIOMETRIC: catalogue.biometric_names}
        self._exact = {_squeeze(name): Found(code, name) for code, names in own.items() for name in names}
        self._harmless = frozenset(catalogue.inventory) - own[SECRET] - own[BIOMETRIC]
        self._long = [(squeezed, found) for squeezed, found in self._exact.items()]
        self._long += [(word, Found(code, None)) for code, words in _LONG.items() for word in words]
        self._short = {word: Found(code, None) for code, words in _SHORT.items() for word in words}
        self._harmless |= {name for name in _ENVELOPE if self._search(name) is None}
        self._words = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(self._short)})(?![a-z0-9])")
        self._remembered = lru_cache(maxsize=4096)(self._name)
        # In GBK or UTF-16, which a payload that cannot be parsed may be written in; ASCII words are found anyhow.
        self._written = [
            (word.encode(coding), found)
            for word, found in self._long
            if not word.isascii()
            for coding in ("gb18030", "utf-16-le", "utf-16-be")
        ]

    def names(self, names: Iterable[str]) -> Found | None:
        """Return the first prohibited name among `names`."""
        return next((found for found in map(self.name, set(names) - self._harmless) if found), None)

    def name(self, name: str) -> Found | None:
        """Return what is wrong with a name, None if nothing is."""
        # A stranger chooses names: long ones are not remembered, or they would fill the memory.
        return self._name(name) if len(name) > _REMEMBERED else self._remembered(name)

    def _name(self, name: str) -> Found | None:
        if name in self._harmless:
            return None
        return self._exact.get(_squeeze(name)) or self._search(name)

    def text(self, payload: bytes) -> Found | None:
        """Return the first prohibited name that occurs in a payload that could not be parsed."""
        # UTF-16 shows as text with zero bytes between: they go with the other noise.
        found = self._search(payload.decode("utf-8", "replace").replace("\0", ""))
        if found is None and not payload.isascii():
            return next((found for written, found in self._written if written in payload), None)
        return found

    def _search(self, text: str) -> Found | None:
        plain = _unescape(text)
        squeezed = _squeeze(plain)
        for word, found in self._long:
            if word in squeezed:
                return found
        # Whole words are dear to look for: a flood of bad lines must be judged as fast as it comes.
        if not any(word in squeezed for word in self._short):
            return None
        plain = _CAMEL.sub("_", plain)
        match = self._words.search(unicodedata.normalize("NFKC", plain).casefold())
        return self._short[match[0]] if match else None


def _unescape(text: str) -> str:
    if "\\" in text:
        text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return _PERCENT.sub(lambda match: chr(int(match[1], 16)), text) if "%" in text else text


def _squeeze(text: str) -> str:
    if text.isascii():
        return text.lower().translate(_ASCII_NOISE)
    return _NOISE.sub("", unicodedata.normalize("NFKC", text).casefold())
