"""Publishing lines to Pub/Sub: many lines a message as NDJSON, byte for byte as they were read.

One line a message is about ten times slower and dearer. PUBSUB_EMULATOR_HOST is honoured; topics and subscriptions
are made on the emulator alone, never in somebody's project.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud import pubsub_v1

from governance.errors import EbbError, UsageError
from pipelines.sources.position import DAMAGED, content_base, lines_at, open_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from pipelines.endpoints import PubSubEndpoint

LINES_A_MESSAGE = 500
BYTES_A_MESSAGE = 512 * 1024
LONGEST_LINE = 9 * 1024 * 1024
"""Pub/Sub takes messages of up to 10 MB."""
IN_FLIGHT = 64
_LOOK_SECONDS = 10.0
_PUBLISH_SECONDS = 60.0


@dataclass(frozen=True, slots=True, repr=False)
class Packet:
    """One message to be: consecutive lines.

    Attributes:
        data: the lines with their line ends.
        lines: how many.
        attributes: attributes of this message beside those of the whole publication.
    """

    data: bytes
    lines: int
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Published:
    """What a publication has sent so far."""

    lines: int = 0
    messages: int = 0
    bytes: int = 0
    too_long: int = 0

    def add(self, packet: Packet) -> None:
        """Count a message that the service has accepted."""
        self.lines += packet.lines
        self.messages += 1
        self.bytes += len(packet.data)


def pack_lines(lines: Iterable[bytes]) -> Iterator[Packet]:
    """Pack lines without line ends into messages."""
    for _, chunk in _chunks((0, line + b"\n") for line in lines):
        yield Packet(b"".join(chunk), len(chunk))


def pack_file(path: Path, too_long: Callable[[int], None]) -> Iterator[Packet]:
    """Pack a file's lines into messages whose attribute `position` is `<base>:<offset of the first line>`.

    gzip and zstd files are packed as their content; offsets are those of the content. A line that no message can
    hold is left out and its offset given to `too_long`.

    Raises:
        EbbError: the file cannot be read.
    """
    try:
        base = content_base(path)
        with open_content(path) as content:
            for offset, chunk in _chunks(_short_enough(lines_at(content, LONGEST_LINE), too_long)):
                yield Packet(b"".join(chunk), len(chunk), {"position": f"{base}:{offset}"})
    except DAMAGED as problem:
        reason = getattr(problem, "strerror", None) or "it is damaged or cut short"
        raise EbbError(f"{path} cannot be read: {reason}") from None


def _short_enough(
    lines: Iterable[tuple[int, bytes | None]], too_long: Callable[[int], None]
) -> Iterator[tuple[int, bytes | None]]:
    for offset, line in lines:
        if line is None:
            too_long(offset)
        yield offset, line


def _chunks(lines: Iterable[tuple[int, bytes | None]]) -> Iterator[tuple[int, list[bytes]]]:
    """Group consecutive lines; a missing line ends its group, so that offsets add up within each."""
    start, size = 0, 0
    chunk: list[bytes] = []
    for offset, line in lines:
        full = len(chunk) == LINES_A_MESSAGE or (line is not None and size + len(line) > BYTES_A_MESSAGE)
        if chunk and (full or line is None):
            yield start, chunk
            chunk, size = [], 0
        if line is None:
            continue
        if not chunk:
            start = offset
        chunk.append(line)
        size += len(line)
    if chunk:
        yield start, chunk


def emulator_host() -> str | None:
    """Return the address of the emulator that the environment names, if any."""
    return os.environ.get("PUBSUB_EMULATOR_HOST") or None


def prepare(endpoint: PubSubEndpoint, subscription: str | None = None) -> list[str]:
    """Make what is missing on the emulator: the topic, and `subscription` to it when one is named.

    Returns:
        Names of what was made, for the user to read. Nothing is ever made outside an emulator.

    Raises:
        UsageError: a subscription was asked for without an emulator.
        EbbError: the emulator does not answer.
    """
    if emulator_host() is None:
        if subscription is not None:
            raise UsageError(
                "--subscription makes one on the emulator only. Make it yourself: "
                f"gcloud pubsub subscriptions create {subscription} --topic={endpoint.name} "
                f"--project={endpoint.project}"
            )
        return []
    made = []
    try:
        with pubsub_v1.PublisherClient() as publisher:
            if _made(publisher.create_topic, name=endpoint.topic):
                made.append(f"topic {endpoint.name}")
        if subscription is not None:
            name = f"projects/{endpoint.project}/subscriptions/{subscription}"
            request = {"name": name, "topic": endpoint.topic, "ack_deadline_seconds": 60}
            with pubsub_v1.SubscriberClient() as subscriber:
                if _made(subscriber.create_subscription, request=request):
                    made.append(f"subscription {subscription}")
    except (exceptions.GoogleAPIError, GoogleAuthError) as problem:
        raise _reworded(endpoint, problem) from None
    return made


def publish(
    endpoint: PubSubEndpoint,
    packets: Iterable[Packet],
    attributes: Mapping[str, str],
    progress: Callable[[int], None] | None = None,
) -> Published:
    """Publish messages and wait until the service holds them all.

    Args:
        endpoint: the topic.
        packets: messages, sent in this order.
        attributes: attributes of every message: `format`, and `system` where the format carries none.
        progress: called with the number of lines that were accepted since the last call.

    Raises:
        EbbError: the topic does not exist, may not be written, or the service does not answer.
    """
    done = Published()
    waiting: deque[tuple[Any, Packet]] = deque()

    def settle() -> None:
        future, packet = waiting.popleft()
        future.result(timeout=_PUBLISH_SECONDS)
        done.add(packet)
        if progress is not None:
            progress(packet.lines)

    settings = pubsub_v1.types.BatchSettings(max_messages=16, max_bytes=4 << 20, max_latency=0.01)
    retry = pubsub_v1.types.PublisherOptions(timeout=_PUBLISH_SECONDS)
    try:
        with pubsub_v1.PublisherClient(batch_settings=settings, publisher_options=retry) as publisher:
            for packet in packets:
                future = publisher.publish(endpoint.topic, packet.data, **attributes, **packet.attributes)
                waiting.append((future, packet))
                if len(waiting) >= IN_FLIGHT:
                    settle()
            while waiting:
                settle()
    except (exceptions.GoogleAPIError, GoogleAuthError, TimeoutError) as problem:
        raise _reworded(endpoint, problem) from None
    return done


def _made(create: Callable[..., object], **request: object) -> bool:
    try:
        create(**request, timeout=_LOOK_SECONDS, retry=None)
    except exceptions.AlreadyExists:
        return False
    return True


def _reworded(endpoint: PubSubEndpoint, problem: Exception) -> EbbError:
    """Say what is wrong with the service, without a stack and without the message that was to be sent."""
    if isinstance(problem, exceptions.NotFound):
        return EbbError(
            f"there is no topic {endpoint.name} in project {endpoint.project}: "
            f"gcloud pubsub topics create {endpoint.name} --project={endpoint.project}"
        )
    if isinstance(problem, exceptions.Forbidden | exceptions.Unauthorized | GoogleAuthError):
        return EbbError(
            f"not allowed to publish to {endpoint}: log in with `gcloud auth application-default login`, "
            "or set PUBSUB_EMULATOR_HOST for the emulator"
        )
    where = f"the emulator at {host}" if (host := emulator_host()) else "Pub/Sub"
    code = type(problem).__name__
    return EbbError(f"{where} does not take messages for {endpoint} ({code}): is it running? `ebb doctor` looks")
