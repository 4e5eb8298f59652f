"""What a run has done so far, read from the commits it made: the same on every engine."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pipelines.sinks.sums import Sum
from retention.stores.delta import Table, open_table

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Tally:
    """Adds up the sums of one run's commits.

    Attributes:
        uri: the stream's anonymous table, whose commits carry the sums.
        run: id of the run.
        total: sum so far.
        bundles: commits so far.
        published: when the oldest record of the newest bundle reached its transport, if that is known.
        first: when the first record was taken, and
        last: when the last bundle was committed, in seconds since the epoch.
    """

    uri: str
    run: str
    total: Sum = field(default_factory=Sum)
    bundles: int = 0
    published: datetime | None = None
    first: float = 0.0
    last: float = 0.0
    _table: Table = field(init=False)
    _version: int = field(init=False)

    def __post_init__(self) -> None:
        """Begin at the table's present version."""
        self._table = open_table(self.uri)
        self._version = self._table.version

    def update(self) -> Sum:
        """Read the commits made since the last call and return the sum so far."""
        version = self._table.refresh()
        if version > self._version:
            commits = self._table.commits(version - self._version)
            for commit in reversed(commits):
                if commit.get("ebb.run") == self.run and "ebb.sum" in commit:
                    self._add(commit)
            self._version = version
        return self.total

    @property
    def rate(self) -> float:
        """Events a second from the first read to the last commit; 0 before there is one."""
        return self.total.read / (self.last - self.first) if self.last > self.first else 0.0

    def _add(self, commit: Mapping[str, str]) -> None:
        self.total += Sum(**json.loads(commit["ebb.sum"]))
        self.bundles += 1
        self.published = datetime.fromisoformat(commit["ebb.published"]) if "ebb.published" in commit else None
        started = float(commit.get("ebb.started", 0))
        self.first = min(self.first or started, started)
        self.last = float(commit["timestamp"]) / 1000
