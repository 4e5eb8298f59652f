"""How the streams are, read from the lake alone: the commits' own sums, the tables' logs, and one date's hours."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from governance.policy import RECORD_STREAMS, STREAMS
from pipelines.endpoints import PubSubEndpoint
from pipelines.lake_datasets import existing
from pipelines.sinks.sums import Sum
from pipelines.sources.files import FilesReader, FilesSource
from retention.stores.delta import Table, open_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pipelines.endpoints import FilesEndpoint
    from pipelines.settings import Settings

LETTERS = "dead_letters"
WINDOWS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "all": None}
PUBSUB_SILENT = (
    "Pub/Sub tells its backlog only to Cloud Monitoring: look there at "
    "pubsub.googleapis.com/subscription/num_undelivered_messages"
)


@dataclass(frozen=True, slots=True)
class TableSize:
    """Files, rows and bytes of a table; `log`: commits in its log."""

    table: str
    files: int
    rows: int
    bytes: int
    version: int


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream.

    Attributes:
        last_commit: when its last bundle was committed, and
        run: by which run.
        lag: seconds from when the newest records were published to now; where the transport tells no such time, from
            the newest event's hour; None without either.
        lag_by: `published` or `event_time`.
        sums: sum of all bundles of the last hour, the last day, and of all.
        rejected_share: dead letters among the records read, over the last day.
        dead_letters: sealed rejects that lie in the lake.
    """

    stream: str
    last_commit: datetime | None
    run: str | None
    lag: float | None
    lag_by: str | None
    sums: Mapping[str, Mapping[str, Any]]
    rejected_share: float | None
    dead_letters: int

    def parts(self) -> dict[str, Any]:
        """Return everything by name."""
        return asdict(self)


def stream_statuses(lake: str, wall: datetime) -> list[StreamStatus]:
    """Return the status of every stream whose table is there."""
    there = existing(lake)
    letters = _letters(open_table(f"{lake}/{LETTERS}")) if LETTERS in there else {}
    places = {stream: f"analytics/{stream}" for stream in STREAMS} | {
        stream: f"vault/{stream}" for stream in RECORD_STREAMS
    }
    return [
        _status(stream, open_table(f"{lake}/{place}"), wall, letters.get(stream, 0))
        for stream, place in sorted(places.items())
        if place in there
    ]


def table_sizes(lake: str) -> list[TableSize]:
    """Return what each table of the lake holds, by its log."""
    sizes = []
    for name in sorted(existing(lake)):
        table = open_table(f"{lake}/{name}")
        files = table.files()
        sizes.append(
            TableSize(name, len(files), sum(file.rows for file in files), sum(table.bytes_of().values()), table.version)
        )
    return sizes


def backlog(endpoint: PubSubEndpoint | FilesEndpoint, stream: str, settings: Settings) -> dict[str, Any]:
    """Return what is not taken yet: bytes of files; of Pub/Sub, that it is not known, and where to look."""
    if isinstance(endpoint, PubSubEndpoint):
        return {"source": str(endpoint), "bytes": None, "note": PUBSUB_SILENT}
    place = "vault" if stream in RECORD_STREAMS else "analytics"
    source = FilesSource(endpoint.pattern, f"{settings.lake}/{place}/{stream}", stream, settings.opener, "native", None)
    return {"source": str(endpoint), "bytes": FilesReader(source).untaken(), "note": None}


def alerts(statuses: Iterable[StreamStatus], max_lag: float | None, max_rejected: float | None) -> list[str]:
    """Return a sentence for each limit that a stream exceeds; a stream that never committed exceeds any lag."""
    found = []
    for status in statuses:
        if max_lag is not None and (status.lag is None or status.lag > max_lag):
            behind = "has committed nothing" if status.lag is None else f"is {status.lag:,.0f} s behind"
            found.append(f"{status.stream} {behind}, limit {max_lag:,.0f} s")
        if max_rejected is not None and (status.rejected_share or 0) > max_rejected:
            found.append(f"{status.stream}: {status.rejected_share:.2%} rejected in a day, limit {max_rejected:.2%}")
    return found


def _status(stream: str, table: Table, wall: datetime, letters: int) -> StreamStatus:
    commits = [commit for commit in table.commits() if "ebb.sum" in commit]
    sums = {name: _summed(commits, wall - span if span else None) for name, span in WINDOWS.items()}
    last = commits[0] if commits else None
    lag, lag_by = _lag(table, last, wall)
    read = sums["day"].read
    return StreamStatus(
        stream=stream,
        last_commit=_instant(last) if last else None,
        run=last.get("ebb.run") if last else None,
        lag=lag,
        lag_by=lag_by,
        sums={name: total.parts() for name, total in sums.items()},
        rejected_share=sum(sums["day"].dead_letters.values()) / read if read else None,
        dead_letters=letters,
    )


def _summed(commits: Iterable[Mapping[str, Any]], since: datetime | None) -> Sum:
    total = Sum()
    for commit in commits:
        if since is None or _instant(commit) >= since:
            total += Sum(**json.loads(commit["ebb.sum"]))
    return total


def _lag(table: Table, last: Mapping[str, Any] | None, wall: datetime) -> tuple[float | None, str | None]:
    if last is None:
        return None, None
    if "ebb.published" in last:
        return (wall - datetime.fromisoformat(last["ebb.published"])).total_seconds(), "published"
    files = table.files()
    newest = max((file.partition for file in files), default=None)
    if newest is None or "event_hour" not in table.dataset().schema.names:
        return None, None
    hours: Callable[[Any], list[datetime]] = lambda file: table.column(file, "event_hour").to_pylist()  # noqa: E731
    hour = max(hour for file in files if file.partition == newest for hour in hours(file))
    return max(0.0, (wall - hour).total_seconds()), "event_time"


def _letters(table: Table) -> dict[str, int]:
    counted = table.dataset().to_table(columns=["stream"]).group_by("stream").aggregate([([], "count_all")])
    return dict(zip(counted["stream"].to_pylist(), counted["count_all"].to_pylist(), strict=True))


def _instant(commit: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(commit["timestamp"] / 1000, UTC)
