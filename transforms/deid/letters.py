"""What a dead letter holds under its seal: the record as read, and all that is needed to read it again."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads annotations when it decodes
from typing import TYPE_CHECKING

import msgspec

from governance.errors import LakeError
from transforms.deid.events import Segment

if TYPE_CHECKING:
    from transforms.deid.events import Origin

VERSION = 1
PURPOSE = "dead_letters"
"""What the keyring calls the keys that seal letters."""


class Letter(msgspec.Struct, array_like=True, frozen=True, gc=False, repr_omit_defaults=True):
    """One sealed record.

    Attributes:
        version: of this form; a change of the members below needs another.
        format: name of the record's format.
        system: of the transport, where the format carries none.
        published: when the transport received it; None for files.
        base: names the source, and
        offset: the place in it, as of a `Segment`.
        line: the record as read, or what stood in for it since it held something that had to be destroyed.
    """

    version: int
    format: str
    system: str | None
    published: datetime | None
    base: str
    offset: int
    line: bytes

    def __repr__(self) -> str:
        """Hide the record."""
        return f"<Letter: {self.format}, hidden>"


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Letter)


def pack_letter(origin: Origin, offset: int, line: bytes) -> bytes:
    """Return the payload to seal."""
    return _encode((VERSION, *origin, offset, line))


def read_letter(payload: bytes) -> Letter:
    """Return what was sealed.

    Raises:
        LakeError: the payload has a form of another version.
    """
    try:
        letter = _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        letter = None
    if letter is None or letter.version != VERSION:
        raise LakeError("a dead letter was sealed in a form that this version of ebb does not read")
    return letter


def as_segment(
    letter: Letter, event_key: bytes, record_format: str | None = None, system: str | None = None
) -> Segment:
    """Return the record as a source would hand it out, under the event key that it had.

    Args:
        letter: what was sealed.
        event_key: of the dead letter.
        record_format: read it as this format instead of its own.
        system: its system, if it came with none.
    """
    return Segment(
        record_format or letter.format,
        letter.system or system,
        letter.published,
        letter.base,
        (letter.offset,),
        (letter.line,),
        (event_key,),
    )
