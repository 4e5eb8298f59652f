"""The way of an event through the pure steps, for tests: decode, classify, gate, engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from governance.policy import load_catalogue
from transforms.deid.classify import classify
from transforms.deid.decode import Decoder
from transforms.deid.engine import Engine
from transforms.deid.events import RawBundle, Segment
from transforms.deid.gate import Authorization, gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from governance.keys import Keyring
    from governance.policy import Catalogue
    from transforms.deid.events import Batch

CATALOGUE = load_catalogue()
NOBODY = Authorization()
EVERYBODY = Authorization("operator", CATALOGUE.systems)


class Chain:
    """The four steps of one stream over one keyring."""

    def __init__(
        self, keyring: Keyring, wall: datetime, stream: str = "service_log", catalogue: Catalogue = CATALOGUE
    ) -> None:
        self.wall = wall
        self._catalogue = catalogue
        self._keyring = keyring
        self._stream = stream
        self._decoder = Decoder(catalogue, stream, keys=keyring.event_keys(stream), now=wall)
        self._engine = Engine(catalogue, stream, keyring)

    def gated(self, events: Iterable[Mapping[str, Any]], authorization: Authorization) -> Batch:
        """Return the batch as the engine gets it."""
        lines = [json.dumps(event, ensure_ascii=False).encode() for event in events]
        segment = Segment("native", None, self.wall, "message", range(len(lines)), lines)
        sealer = self._keyring.sealer("dead_letters", self.wall)
        batch = self._decoder(RawBundle((segment,)), sealer)
        return gate(classify(batch, self._catalogue, self._stream, self.wall), authorization, self._catalogue)

    def run(
        self, events: Iterable[Mapping[str, Any]], authorization: Authorization = NOBODY, wall: datetime | None = None
    ) -> Batch:
        """Return the batch as the sink gets it."""
        return self._engine.deidentify(self.gated(events, authorization), wall or self.wall)
