"""Events on the Pub/Sub emulator, as the benchmark wants them: fifty a message, in a subscription of its own."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from pipelines import tools
from pipelines.endpoints import PubSubEndpoint, parse_endpoint
from pipelines.publish import Packet, prepare, publish
from tests.emulator import PROJECT, running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVENTS_A_MESSAGE = 50


@contextmanager
def emulator(scratch: Path) -> Iterator[str | None]:
    """Run the emulator and name it in the environment; None where it is not installed."""
    java, jar = tools.find_java(), tools.find_emulator_jar()
    if java is None or jar is None:
        yield None
        return
    with running_emulator(java, jar, scratch / "emulator.log") as server:
        before = os.environ.get("PUBSUB_EMULATOR_HOST")
        os.environ["PUBSUB_EMULATOR_HOST"] = server.host
        try:
            yield server.host
        finally:
            del os.environ["PUBSUB_EMULATOR_HOST"]
            if before is not None:
                os.environ["PUBSUB_EMULATOR_HOST"] = before


def filled(events: Path) -> str:
    """Publish a file's events to a new topic; return the endpoint of its subscription."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    topic = parse_endpoint(f"pubsub:{PROJECT}/{name}")
    assert isinstance(topic, PubSubEndpoint)
    prepare(topic, f"{name}-sub")
    publish(topic, packets(events), {})
    return f"pubsub:{PROJECT}/{name}-sub"


def packets(events: Path) -> Iterator[Packet]:
    """Yield messages of fifty events."""
    with events.open("rb") as lines:
        while chunk := list(islice(lines, EVENTS_A_MESSAGE)):
            yield Packet(b"".join(chunk), len(chunk))
