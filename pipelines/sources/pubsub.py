"""A Pub/Sub subscription as a source: unary pulls, leases renewed, acknowledged after the commit.

Unary pulls rather than a streaming pull: a streaming client that dies starves its subscription on the emulator, and a
bundle wants a number of events, not a callback for each.
"""

from __future__ import annotations

import contextlib
import queue
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC
from itertools import accumulate, compress
from typing import TYPE_CHECKING

import structlog
from google.api_core import exceptions as google
from google.api_core import retry as google_retry

from governance.errors import EbbError
from pipelines.sources.clients import subscriber_client
from transforms.deid.events import RawBundle, Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.cloud.pubsub_v1.types import PullResponse, ReceivedMessage

LOG = structlog.get_logger()

LEASE = 20
"""Seconds for which messages are held; renewed every third of it until they are acknowledged."""

UNREACHABLE_SECONDS = 60.0
"""A drain gives up when Pub/Sub has not answered for so long; a stream goes on trying."""

IDS_IN_A_CALL = 1000
MESSAGES_IN_A_PULL = 1000
PULL_SECONDS = 2.0
"""How long an empty pull waits; closing waits for it, so that no message is leased to nobody."""

WAITING_BYTES = 32 << 20
"""Nothing more is pulled while messages of more than so many bytes wait for their bundle, nor is a bundle larger."""

_TRANSIENT = (
    google.ServiceUnavailable,
    google.DeadlineExceeded,
    google.InternalServerError,
    google.Aborted,
    google.Unknown,
    google.TooManyRequests,
    google.GatewayTimeout,
    google.Cancelled,
    google.RetryError,
)


class SourceError(EbbError):
    """The subscription cannot be read, and trying again will not help."""


@dataclass(frozen=True, slots=True)
class PubSubSource:
    """One subscription.

    Attributes:
        subscription: `projects/…/subscriptions/…`.
        format: format of messages without an attribute `format`.
        system: system of messages without an attribute `system`, where their format carries none.
        max_events: a bundle is handed out when it holds so many events,
        max_seconds: or so long after its first one.
        quiet: seconds without a message after which a drain ends.
    """

    subscription: str
    format: str
    system: str | None
    max_events: int = 20_000
    max_seconds: float = 2.0
    quiet: float = 5.0

    def open(self) -> PubSubReader:
        """Connect; see `PubSubReader`."""
        return PubSubReader(self)

    def peek(self, number: int) -> list[Segment]:
        """Pull a few messages and give them back at once; they will be delivered again."""
        with subscriber_client() as client:
            response = client.pull(subscription=self.subscription, max_messages=number, timeout=10)
            ids = [message.ack_id for message in response.received_messages]
            if ids:
                client.modify_ack_deadline(subscription=self.subscription, ack_ids=ids, ack_deadline_seconds=0)
        return [_segment(self, message) for message in _plain(response)]


class PubSubReader:
    """Pulls in a thread of its own, renews leases in another, and hands out bundles.

    Delivery is at least once: after a crash, or a lease that ran out, a message comes again, and the sink drops it.
    """

    def __init__(self, source: PubSubSource) -> None:
        self._source = source
        self._client = subscriber_client()
        self._waiting: queue.Queue[ReceivedMessage] = queue.Queue()
        self._waiting_bytes = 0
        self._held: set[str] = set()
        self._guard = threading.Lock()
        self._closing = threading.Event()
        self._failure: Exception | None = None
        self._silent_since: float | None = None
        self._bundle: list[str] = []
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._pulling, self._renewing)]
        for thread in self._threads:
            thread.start()

    def pull(self, seconds: float) -> RawBundle | None:
        """Return up to `max_events` events, at most `max_seconds` after the first.

        A message is never divided, so one packed with many events may carry a bundle over its limit.

        Raises:
            SourceError: the subscription is missing or refused.
        """
        segments: list[Segment] = []
        self._bundle = []
        events, size, started, deadline = 0, 0, 0.0, time.monotonic() + seconds
        while events < self._source.max_events and size < WAITING_BYTES:
            try:
                received = self._waiting.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if not segments:
                started, deadline = time.time(), time.monotonic() + self._source.max_seconds
            size += len(received.message.data)
            self._weigh(-len(received.message.data))
            segments.append(_segment(self._source, received))
            self._bundle.append(received.ack_id)
            events += len(segments[-1].lines)
        if self._failure is not None:
            raise SourceError(f"{self._source.subscription} cannot be read: {_said(self._failure)}") from None
        return RawBundle(tuple(segments), started=started) if segments else None

    def finisher(self) -> Callable[[], None]:
        """Return the acknowledgement of the bundle just pulled."""
        ids, self._bundle = self._bundle, []
        return lambda: self._acknowledge(ids)

    def drained(self, quiet: float) -> bool:
        """Return whether no message came for the source's quiet time; a service that is down is not an empty one.

        Raises:
            SourceError: Pub/Sub has been out of reach for too long.
        """
        since = self._silent_since
        if since is not None:
            if time.monotonic() - since > UNREACHABLE_SECONDS:
                raise SourceError(
                    f"{self._source.subscription} has not answered for {UNREACHABLE_SECONDS:.0f} seconds; "
                    "what was committed stays, the rest waits at the subscription: run it again when it answers"
                )
            return False
        return quiet >= self._source.quiet and self._waiting.empty()

    def close(self) -> None:
        """Stop pulling, and give back at once what was never handed out."""
        self._closing.set()
        for thread in self._threads:
            thread.join(timeout=10)
        with contextlib.suppress(google.GoogleAPIError, ValueError):
            self._extend([self._waiting.get_nowait().ack_id for _ in range(self._waiting.qsize())], 0)
        self._client.close()

    def _pulling(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                response = self._client.pull(
                    subscription=self._source.subscription,
                    max_messages=MESSAGES_IN_A_PULL,
                    timeout=PULL_SECONDS,
                    retry=None,
                )
            except google.DeadlineExceeded:
                self._silent_since = None
                continue  # nothing came
            except _TRANSIENT as problem:
                failures += 1
                self._silent_since = self._silent_since or time.monotonic()
                LOG.warning("pubsub.pull.retry", error=type(problem).__name__, failures=failures)
                self._closing.wait(min(30.0, 0.1 * 2**failures) * random.uniform(0.5, 1.0))  # noqa: S311
                continue
            except (google.GoogleAPIError, ValueError) as problem:
                self._failure = problem
                return
            failures, self._silent_since = 0, None
            received = _plain(response)
            self._hold([message.ack_id for message in received])
            for message in received:
                self._weigh(len(message.message.data))
                self._waiting.put(message)
            while self._waiting_bytes > WAITING_BYTES and not self._closing.wait(0.02):
                pass

    def _weigh(self, size: int) -> None:
        with self._guard:
            self._waiting_bytes += size

    def _hold(self, ids: list[str]) -> None:
        with self._guard:
            self._held.update(ids)
        if ids:
            self._renew(ids)

    def _renewing(self) -> None:
        while not self._closing.wait(LEASE / 3):
            with self._guard:
                ids = list(self._held)
            self._renew(ids)

    def _renew(self, ids: Sequence[str]) -> None:
        try:
            self._extend(ids, LEASE)
        except (google.GoogleAPIError, ValueError) as problem:
            # A lease that runs out brings the message again, and the sink drops it.
            LOG.warning("pubsub.lease.failed", error=type(problem).__name__, messages=len(ids))

    def _extend(self, ids: Sequence[str], seconds: int) -> None:
        for start in range(0, len(ids), IDS_IN_A_CALL):
            self._client.modify_ack_deadline(
                subscription=self._source.subscription,
                ack_ids=list(ids[start : start + IDS_IN_A_CALL]),
                ack_deadline_seconds=seconds,
                timeout=10,
                retry=None,  # the next renewal is the retry; the library's own would outlive the reader
            )

    def _acknowledge(self, ids: list[str]) -> None:
        retrying = google_retry.Retry(predicate=google_retry.if_exception_type(*_TRANSIENT), timeout=30)
        try:
            for start in range(0, len(ids), IDS_IN_A_CALL):
                self._client.acknowledge(
                    subscription=self._source.subscription,
                    ack_ids=ids[start : start + IDS_IN_A_CALL],
                    timeout=10,
                    retry=retrying,
                )
        except (google.GoogleAPIError, ValueError) as problem:
            # The rows are committed; the messages come again and are dropped as duplicates.
            LOG.warning("pubsub.acknowledge.failed", error=type(problem).__name__, messages=len(ids))
        with self._guard:
            self._held.difference_update(ids)


def check_subscription(subscription: str) -> None:
    """Make sure that the subscription can be read, before a run starts.

    Raises:
        SourceError: it is missing, refused or unreachable; the message says what to do next.
    """
    try:
        with subscriber_client() as client:
            client.get_subscription(subscription=subscription, timeout=10, retry=None)
    except google.NotFound:
        raise SourceError(
            f"there is no subscription {subscription}: create it, or let `ebb replay … --subscription NAME` do so"
        ) from None
    except google.GoogleAPIError as problem:
        raise SourceError(f"{subscription} cannot be reached: {_said(problem)}") from None
    except Exception as problem:  # noqa: BLE001 - google.auth's own errors, which are not GoogleAPIErrors
        raise SourceError(
            f"no way into Pub/Sub ({type(problem).__name__}): set PUBSUB_EMULATOR_HOST, or sign in with gcloud"
        ) from None


def _segment(source: PubSubSource, received: ReceivedMessage) -> Segment:
    message = received.message
    attributes = message.attributes
    data = message.data
    lines = data.split(b"\n")
    base, start = _position(attributes.get("position"))
    numbers: Sequence[int] = range(len(lines))
    if base is None:
        base = message.message_id
    else:
        numbers = list(accumulate((len(line) + 1 for line in lines[:-1]), initial=start))
    if b"\r" in data:
        lines = [line.rstrip(b"\r") for line in lines]
    if not all(lines):
        numbers = list(compress(numbers, lines))
        lines = list(filter(None, lines))
    return Segment(
        attributes.get("format", source.format),
        attributes.get("system", source.system),
        message.publish_time.ToDatetime(UTC) if message.HasField("publish_time") else None,
        base,
        numbers,
        lines,
    )


def _plain(response: PullResponse) -> list[ReceivedMessage]:
    """Return the messages of a pull as protobuf made them: the client's wrappers cost more than reading the lines."""
    return list(type(response).pb(response).received_messages)


def _position(attribute: str | None) -> tuple[str | None, int]:
    base, colon, offset = (attribute or "").rpartition(":")
    if not colon or not base or not (offset.isascii() and offset.isdigit()) or len(offset) > 18:  # noqa: PLR2004
        return None, 0
    return base, int(offset)


def _said(problem: Exception) -> str:
    if isinstance(problem, google.NotFound):
        return "it does not exist; create it first"
    if isinstance(problem, (google.ServiceUnavailable, google.DeadlineExceeded)):
        return "nobody answers; is PUBSUB_EMULATOR_HOST right, or the network down?"
    if isinstance(problem, (google.PermissionDenied, google.Unauthenticated)):
        return "permission denied; the account needs roles/pubsub.subscriber"
    return type(problem).__name__
