"""Take personal data out of texts, and leave the other words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from transforms.deid.text.detection import TOUCHY, detect
from transforms.deid.text.spans import Span

if TYPE_CHECKING:
    from collections.abc import Callable

    # (kind, the identifier as it was written) → what stands in its place
    Token = Callable[[str, str], str]

Mode = Literal["placeholder", "redact", "token"]
_LONG_NUMBER: Final = re.compile(r"\d{9,}")
LONGEST: Final = 8 * 1024  # bytes; a longer query is not one


def redact(texts: pa.Array, mode: Mode = "placeholder", token: Token | None = None) -> pa.Array:
    """Replace the personal data in each text by `[PHONE]` and the like, by `[redacted]`, or by a keyed token.

    Args:
        texts: distinct texts; work is done once for each.
        mode: `placeholder` names the kind; `redact` does not; `token` asks `token`.
        token: (kind, identifier as written) → replacement; it brings identifiers into canonical form itself.

    Guarantees:
        A text over 8 KiB, or one on which detection fails, becomes null: it never passes as it is.
        Detection raises nothing on any text; what `token` raises is passed on.

    Warnings:
        Detection finds what has a form, or a word that announces it. A name that stands alone remains; a number of
        nine digits or more does not, whatever it is.
    """
    if (mode == "token") is (token is None):
        raise ValueError("mode token needs a token function, and no other mode takes one")
    short = pc.less_equal(pc.binary_length(texts), LONGEST)
    kept = pc.if_else(short, texts, pa.scalar(None, texts.type))
    # Most texts hold nothing that any detector would look at: one pattern over the column says so.
    touchy = pc.fill_null(pc.match_substring_regex(kept, TOUCHY), False)  # noqa: FBT003 - Arrow's signature
    changed = [_redacted(text, mode, token) for text in kept.filter(touchy).to_pylist()]
    return pc.replace_with_mask(kept, touchy, pa.array(changed, texts.type)) if changed else kept


def _redacted(text: str, mode: Mode, token: Token | None) -> str | None:
    try:
        spans = detect(text)
    except Exception:  # noqa: BLE001 - whatever went wrong, the words do not pass
        return None
    pieces: list[str] = []
    end = 0
    for span in spans:
        pieces += (_without_numbers(text[end : span.start], mode, token), _replacement(text, span, mode, token))
        end = span.end
    return "".join([*pieces, _without_numbers(text[end:], mode, token)])


def _without_numbers(text: str, mode: Mode, token: Token | None) -> str:
    """Replace long numbers of no known form: orders, accounts and parcels have such, products and dates do not."""

    def replaced(found: re.Match[str]) -> str:
        return _replacement(found[0], Span(0, len(found[0]), "NUMBER"), mode, token)

    return _LONG_NUMBER.sub(replaced, text)


def _replacement(text: str, span: Span, mode: Mode, token: Token | None) -> str:
    if token is not None:
        return token(span.kind, text[span.start : span.end])
    return "[redacted]" if mode == "redact" else f"[{span.kind}]"
