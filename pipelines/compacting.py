"""What `ebb compact` does to a lake: merge, blank, and clear away what no reader needs any more."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from governance.calendar import local_date
from governance.errors import RefusedError
from governance.ledger import Ledger
from governance.policy import STREAMS, load_catalogue
from pipelines.lake_datasets import existing, lake_register
from pipelines.settings import wall_clock
from retention.compaction import Blanking, Done, carry_out, holds_blankable, plan
from retention.holds import held, of_dataset
from retention.stores.delta import FencedTable, TableSpec, open_table
from retention.stores.orphans import remove_orphans
from retention.sweeps import holds_at
from transforms.deid.plan import column_catalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from governance.policy import Catalogue
    from pipelines.settings import Settings
    from retention.compaction import Held

LETTERS = "dead_letters"


@dataclass(frozen=True, slots=True)
class Compacted:
    """What was done to one table.

    Attributes:
        table: its path below the lake.
        done: files merged and rows blanked.
        orphans: files removed that a crashed write had left.
        vacuumed: files removed that were taken away some time before.
        commits: commits taken out of the log; what they said is kept.
    """

    table: str
    done: Done
    orphans: int
    vacuumed: int
    commits: int

    def parts(self) -> dict[str, Any]:
        """Return everything by name."""
        return {"table": self.table, **asdict(self.done)} | {
            "orphans": self.orphans,
            "vacuumed": self.vacuumed,
            "commits": self.commits,
        }


def compact_lake(
    settings: Settings, now: datetime | None, longest: timedelta, progress: Callable[[int], None]
) -> list[Compacted]:
    """Compact every table of a lake, beside running streams; safe to stop and to run again.

    Args:
        settings: where the lake and the ledger are.
        now: judge dates by this instant instead of the wall clock's; never later than it.
        longest: how long a write or a query may take: nothing younger is removed.
        progress: called with the number of rows of each step.

    Raises:
        RefusedError: `now` is later than the wall clock, or a sweep is at work.
        LakeError: a table cannot be read or written.
    """
    wall = wall_clock()
    if now is not None and now > wall:
        raise RefusedError("--now is later than this machine's clock: no date is closed before it is over")
    today = local_date(now or wall)
    catalogue = load_catalogue(settings.packs)
    ledger = Ledger.open(settings.ledger_url)
    random = np.random.default_rng(secrets.randbits(256))
    results = []
    with ledger.sweeping():
        for name in sorted(existing(settings.lake)):
            table = _writable(f"{settings.lake}/{name}")
            if table is None:
                continue
            done = Done()
            rules = rules_of(name, catalogue)
            if rules is not None:
                tasks = plan(table.files(), table.bytes_of(), today, holds_blankable(table, rules))
                for task in tasks:
                    step = carry_out(table, task, rules, random, _held(name, settings.lake, ledger))
                    done += step
                    progress(step.rows)
            orphans = remove_orphans(table, wall, longest)
            vacuumed = table.vacuum(max(1, int(longest.total_seconds() // 3600)))
            commits = table.shorten_log(wall)
            table.log.merge_history()
            table.log.fold_history(wall)
            results.append(Compacted(name, done, orphans, vacuumed, commits))
    return results


def rules_of(name: str, catalogue: Catalogue) -> Blanking | None:
    """Return what is blanked in a table of the lake; None for one whose files have a meaning of their own.

    Dead letters keep their keys: they are looked for again until the letters are due, which is before 35 days.
    """
    audience, _, stream = name.partition("/")
    if name == LETTERS:
        return Blanking()
    if audience not in {"analytics", "personal"} or stream not in STREAMS:
        return None
    fields = {row.field: row for row in catalogue.stream_fields(stream)}
    notes = [note for note in column_catalog(catalogue, stream) if note.field in fields]
    permanent = tuple(dict.fromkeys(note.column for note in notes if fields[note.field].retention == "PERM"))
    tokens = tuple(dict.fromkeys(note.column for note in notes if fields[note.field].token_kind))
    return Blanking("event_key", (*tokens, "subject") if audience == "analytics" else (), permanent)


def _writable(uri: str) -> FencedTable | None:
    table = open_table(uri)
    if not table.partition_column:
        return None
    return FencedTable(TableSpec(uri, table.dataset().schema, table.partition_column, ()))


def _held(name: str, lake: str, ledger: Ledger) -> Held:
    """Return what masks the rows of a table that a hold keeps; holds are looked up anew for every file."""
    dataset = next((one for one in lake_register(lake).datasets if one.table == name), None)

    def mask(rows: Any) -> np.ndarray | None:
        if dataset is None:
            return None
        return held(of_dataset(holds_at(ledger), dataset), dataset, rows, ("event_key",))

    return mask
