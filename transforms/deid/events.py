"""What flows through a stream: segments as read, batches as treated.

One bundle of the source is one `RawBundle`, and becomes one `Batch`; both live and die in the process that read
them (DESIGN: raw stays put). A batch holds thousands of events as Arrow columns.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import pyarrow as pa


@dataclass(frozen=True, slots=True, repr=False)
class Segment:
    """Consecutive lines of one message or one file.

    Attributes:
        format: name of the record format: `native`, `apache_combined` or a mapping's.
        system: the system that owns the lines, where the format carries none.
        published: when the transport received it; aware. None for files.
        base: what names the source without naming a value: a file's content hash or a message's id.
        offsets: per line, its byte offset (files) or ordinal (messages); with `base` it names the line for good.
        lines: the records, without line ends.
        keys: per line, the event key that it bears already; None for lines that are read for the first time.
    """

    format: str
    system: str | None
    published: datetime | None
    base: str
    offsets: Sequence[int]
    lines: Sequence[bytes]
    keys: Sequence[bytes] | None = None


class Origin(NamedTuple):
    """Where records came from: a segment without its lines."""

    format: str
    system: str | None
    published: datetime | None
    base: str


@dataclass(frozen=True, slots=True)
class FileRange:
    """Bytes `[start, end)` of the file called `base`, to be recorded by the commit that holds their rows."""

    base: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, repr=False)
class RawBundle:
    """What one bundle read: segments in the order of the source, and the file ranges they cover.

    Attributes:
        segments: the lines.
        ranges: bytes of files that they are.
        started: seconds since the epoch when the first line was taken; 0 when nobody measures.
        replayed: every line is a dead letter already; none becomes another.
    """

    segments: tuple[Segment, ...]
    ranges: tuple[FileRange, ...] = ()
    started: float = 0.0
    replayed: bool = False

    def __len__(self) -> int:
        """Return the number of lines."""
        return sum(len(segment.lines) for segment in self.segments)


class Sealer(Protocol):
    """Encrypts rejected payloads for the ops key; see `governance.keys.sealing`. One data key for one bundle."""

    def seal(self, payload: bytes, associated: bytes) -> bytes:
        """Return the sealed payload, bound to `associated`."""
        ...

    def wrapped_key(self) -> bytes:
        """Return the data key, sealed to the day's public key."""
        ...

    @property
    def day(self) -> str:
        """Return the +08:00 date whose key seals this bundle."""
        ...


class DeadLetter(NamedTuple):
    """A rejected event: what was wrong and where, the payload sealed or destroyed.

    Attributes:
        event_key: 16 bytes.
        stage: `decode`, `classify` or `gate`.
        code: a reason code of the requirements, section 7.
        path: field path such as `fields.email`; unknown names are written `fields.?`.
        policy: citation of the pack, or None when none could be chosen.
        sealed: payload under the bundle's data key; None when it had to be destroyed (R-PURP-07, -08).
        probe: 16-byte keyed hash of the subject, when one could be read, so that erasure finds it.
    """

    event_key: bytes
    stage: str
    code: str
    path: str
    policy: str | None = None
    sealed: bytes | None = None
    probe: bytes | None = None


@dataclass(slots=True, repr=False)
class Batch:
    """Events of one bundle, between two steps.

    The sum holds at every step: `read == table.num_rows (or outputs' rows) + len(dead_letters) + sum(dropped)`.

    Attributes:
        read: records read (blank lines are none).
        table: one row an event. After decode: `event_key` (binary 16), `system`, `event_type`, `event_time`
            (timestamp us UTC), `received` (timestamp us UTC, or null), `subject.account`, `subject.cookie`,
            `subject.device`, `meta.*`, and the fields that at least one event carries, by their names;
            `origin.number` (int32, index into `origins`) and `origin.offset` (int64), for sealing.
            Classify adds `pack` (int16, index into `plans`) and `personal` (bool); gate adds `authorized` (bool).
        raw: the records' bytes, aligned with the rows of `table`, so that a later step can seal what it rejects.
        sealer: seals rejected payloads.
        probe: keyed hash of a subject (system, kind, id), for dead letters; None if they carry none.
        dead_letters: rejected events.
        dropped: events not stored, by reason code (`DUPLICATE` among them once the sink has looked).
        fields_dropped: removed fields, by (reason code, path).
        ranges: file ranges that this bundle covers.
        origins: where the records came from.
        replayed: every record is a dead letter already; none becomes another.
        published: when the transport received the oldest record; None for files.
        started: when the bundle's first record was taken, in seconds since the epoch.
        packs: the pairs of packs in use, as cited by column `pack`: (pack at event_time, pack at now).
        outputs: after de-identification: "anonymous" and "personal" tables, safe to write.
    """

    read: int
    table: pa.Table
    raw: list[bytes]
    sealer: Sealer
    dead_letters: list[DeadLetter] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    fields_dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    ranges: tuple[FileRange, ...] = ()
    origins: tuple[Origin, ...] = ()
    replayed: bool = False
    published: datetime | None = None
    started: float = 0.0
    probe: Callable[[str, str, str], bytes] | None = None
    packs: tuple[object, ...] = ()
    outputs: dict[str, pa.Table] = field(default_factory=dict)

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse: a batch never leaves the process that read it."""
        raise TypeError("a batch holds raw values and does not leave its process: no shuffle, no pickle")
