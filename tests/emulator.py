"""Google's Pub/Sub emulator as a test's server: started from its jar, stopped by its process id."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.api_core.exceptions import DeadlineExceeded
from google.cloud import pubsub_v1

from pipelines.sources.clients import subscriber_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PROJECT = "ebb-tests"
START_SECONDS = 60
PULL_AT_MOST = 100
"""The emulator never returns more messages in one pull."""
EMPTY_SECONDS = 3
"""A pull that brings nothing within this time ends a test's reading, unless it is told how many must come."""
PATIENCE_SECONDS = 120
"""How long messages that must come are waited for."""


@dataclass(frozen=True)
class Message:
    """A message as pulled."""

    data: bytes
    attributes: dict[str, str]
    message_id: str


@dataclass(frozen=True)
class Emulator:
    """A running emulator.

    Attributes:
        host: `127.0.0.1:PORT`, the value of PUBSUB_EMULATOR_HOST.
        project: a project id to use; any other works too.
        pid: the process.
    """

    host: str
    project: str
    pid: int

    def new_topic(self, prefix: str = "events", ack_deadline: int = 60) -> tuple[str, str]:
        """Make a topic and a subscription of names never used before; return both short names.

        A fresh name a test: what a killed consumer leaves behind stays with its subscription.
        """
        return self.make_topic(f"{prefix}-{uuid.uuid4().hex[:8]}", ack_deadline)

    def make_topic(self, name: str, ack_deadline: int = 60) -> tuple[str, str]:
        """Make the topic `name` and its subscription; return both short names."""
        publisher, subscriber = self._clients()
        with publisher, subscriber:
            topic = f"projects/{self.project}/topics/{name}"
            publisher.create_topic(name=topic)
            subscriber.create_subscription(
                name=f"projects/{self.project}/subscriptions/{name}-sub", topic=topic, ack_deadline_seconds=ack_deadline
            )
        return name, f"{name}-sub"

    def delete_subscription(self, subscription: str) -> None:
        """Delete a subscription, and what waits in it."""
        with subscriber_client() as subscriber:
            subscriber.delete_subscription(subscription=f"projects/{self.project}/subscriptions/{subscription}")

    def publish(self, topic: str, messages: Sequence[tuple[bytes, dict[str, str]]]) -> None:
        """Publish messages of (data, attributes)."""
        publisher, subscriber = self._clients()
        with publisher, subscriber:
            path = f"projects/{self.project}/topics/{topic}"
            for future in [publisher.publish(path, data, **attributes) for data, attributes in messages]:
                future.result(timeout=30)

    def pull(self, subscription: str, *, until: int | None = None, acknowledge: bool = True) -> list[Message]:
        """Pull until `until` messages came, however long that takes; without a number, until a pull came back empty."""
        publisher, subscriber = self._clients()
        path = f"projects/{self.project}/subscriptions/{subscription}"
        received: list[Message] = []
        end = time.monotonic() + PATIENCE_SECONDS
        with publisher, subscriber:
            while until is None or (len(received) < until and time.monotonic() < end):
                try:
                    found = subscriber.pull(
                        subscription=path, max_messages=PULL_AT_MOST, timeout=EMPTY_SECONDS, retry=None
                    ).received_messages
                except DeadlineExceeded:
                    found = []
                if not found and until is None:
                    break
                received += [
                    Message(item.message.data, dict(item.message.attributes), item.message.message_id) for item in found
                ]
                if acknowledge and found:
                    subscriber.acknowledge(subscription=path, ack_ids=[item.ack_id for item in found])
        return received

    def _clients(self):  # noqa: ANN202 - the library is untyped
        return pubsub_v1.PublisherClient(), subscriber_client()


@contextlib.contextmanager
def running_emulator(java: Path, jar: Path, log: Path, port: int | None = None) -> Iterator[Emulator]:
    """Start the emulator on `port`, or a free one, of this machine, wait until it answers, stop it at the end."""
    port = port or free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(java), "-jar", str(jar), "--host=127.0.0.1", f"--port={port}"],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        _wait_until_ready(process, port)
        yield Emulator(f"127.0.0.1:{port}", PROJECT, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the emulator ended at once with code {process.returncode}")
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"the emulator did not answer within {START_SECONDS} seconds")
