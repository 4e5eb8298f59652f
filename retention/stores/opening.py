"""Make and open Delta tables, without statistics that leak, and with errors that say what to do."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError

from governance.errors import LakeError
from retention.stores.commit_log import CommitLog
from retention.stores.disk import probe, unwritable

PROPERTIES = {
    # Commits leave the log by commit_log.py alone, which first keeps what they said.
    "delta.enableExpiredLogCleanup": "false",
    "delta.deletedFileRetentionDuration": "interval 7 days",
    "delta.enableChangeDataFeed": "false",
}


@dataclass(frozen=True, slots=True)
class TableSpec:
    """What a table looks like when it is first made.

    Attributes:
        uri: folder or object-store URI.
        schema: columns, all nullable.
        partition: name of the text column that partitions it.
        statistics: names of columns whose minimum and maximum may stand in the log; never personal ones.
        log: how long a commit stays in the log at least; short on purpose, since a long log slows every commit.
    """

    uri: str
    schema: pa.Schema
    partition: str
    statistics: tuple[str, ...]
    log: str = "interval 10 seconds"


def create_table(spec: TableSpec) -> bool:
    """Make the table unless it exists; add columns that its schema lacks. Return whether it was made.

    Two processes may call this at once: one makes the table, both find it.
    """
    if not table_exists(spec.uri):
        with contextlib.suppress(DeltaError, OSError):
            DeltaTable.create(
                spec.uri,
                schema=spec.schema,
                partition_by=[spec.partition],
                configuration={
                    "delta.dataSkippingStatsColumns": ",".join(spec.statistics),
                    "delta.logRetentionDuration": spec.log,
                    **PROPERTIES,
                },
            )
            return True
    if not table_exists(spec.uri):
        probe(spec.uri)
    table = load(spec.uri)
    have = {field.name for field in table.schema().fields}
    missing = [field for field in spec.schema if field.name not in have]
    if missing:
        table.alter.add_columns(Schema.from_arrow(pa.schema(missing)).fields)
    wanted = {"delta.logRetentionDuration": spec.log, **PROPERTIES}
    settings = table.metadata().configuration
    if any(settings.get(name) != value for name, value in wanted.items()):
        # Made by an older ebb, or a purge was killed. Another process may be doing the same.
        with contextlib.suppress(DeltaError):
            table.alter.set_table_properties(wanted)
    return False


def table_exists(uri: str) -> bool:
    """Say whether there is a table at `uri`; LakeError if the place cannot be looked at."""
    try:
        return bool(DeltaTable.is_deltatable(uri))
    except (DeltaError, OSError, ValueError) as problem:
        raise reworded(uri, problem) from None


def load(uri: str, version: int | None = None) -> DeltaTable:
    """Load a snapshot, the newest or that of `version`.

    Raises:
        LakeError: there is no table, its log is damaged, `version` has left it, or it needs a newer reader.
    """
    try:
        return DeltaTable(uri, version=version)
    except TableNotFoundError:
        raise LakeError(f"there is no table at {uri}: run `ebb run` first, or point --home or --lake at it") from None
    except (DeltaError, OSError) as problem:
        if version is not None and table_exists(uri):
            raise LakeError(f"version {version} of {uri} is no longer in its log: start again") from None
        raise reworded(uri, problem) from None


def reworded(uri: str, problem: Exception) -> LakeError:
    """Say what is wrong with a table; the library's own text is a page long and may quote what it read."""
    if isinstance(problem, PermissionError):
        return LakeError(f"the table at {uri} cannot be read: give this user the folder, or run as its owner")
    if isinstance(problem, OSError):
        return unwritable(uri, problem)
    with contextlib.suppress(OSError, ValueError):
        if CommitLog(uri).of_newer_version():
            return LakeError(
                f"the table at {uri} was written by a newer version of ebb or of Delta: upgrade this ebb and run "
                "again; nothing was written"
            )
    return LakeError(
        f"the table at {uri} cannot be read ({type(problem).__name__}): its log (_delta_log) is damaged or incomplete; "
        "stop what writes to it, restore _delta_log from a copy, and run again. The data files are not touched"
    )
