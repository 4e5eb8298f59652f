"""From a command line to a running stream: prepare what a first run needs, run, watch, report."""

from __future__ import annotations

import signal
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.errors import EbbError, LakeError, UsageError
from governance.policy import RECORD_STREAMS, load_catalogue
from pipelines.clock import RunClock, parse_instant
from pipelines.endpoints import PubSubEndpoint, parse_endpoint
from pipelines.engines import check_options, check_runner, run_job
from pipelines.equipment import equipment
from pipelines.service_logs import service_logs
from pipelines.settings import Settings, ensure_home, load_settings
from pipelines.sinks.lake import LakeTables
from pipelines.sinks.vault import VaultTables
from pipelines.sources.files import FilesSource, matching, troubles_in
from pipelines.sources.read import ReadLimits
from pipelines.stream import Job, StreamRun
from pipelines.tally import Tally
from pipelines.transactions import transactions
from pipelines.watch import Watch
from transforms.deid.decode import check_format, check_system
from transforms.deid.engine import stream_schema
from transforms.deid.gate import Authorization
from transforms.job import StreamJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from governance.policy import Catalogue
    from pipelines.sources.read import Source

    MakeSource = Callable[["RunOptions", Settings, str], Source]

JOBS: dict[str, Job] = {"service_log": service_logs, "equipment": equipment, "transactions": transactions}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `ebb run` was told; the names and defaults are its options'."""

    stream: str
    source: str
    record_format: str = "native"
    system: str | None = None
    lake: str | None = None
    now: str | None = None
    drain: bool = False
    quiet: float = 5.0
    max_events: int = 20_000
    max_seconds: float = 2.0
    authorization: str | None = None
    authorized_systems: str | None = None
    runner: str = "embedded"
    beam_options: tuple[str, ...] = ()
    home: Path = Path(".ebb")
    packs: Path | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Launch:
    """A run that is checked and ready.

    Attributes:
        run: what the job is told.
        job: builds its graph.
        runner: the engine.
        beam_options: further options for Beam.
        tables: the tables it writes.
        settings: where home, lake and keyring are.
        as_json: print one JSON document at the end and nothing before.
    """

    run: StreamRun
    job: Job
    runner: str
    beam_options: tuple[str, ...]
    tables: LakeTables | VaultTables
    settings: Settings
    as_json: bool


def prepare(options: RunOptions, make_source: MakeSource | None = None) -> Launch:
    """Check everything that can be checked before a run, and describe it.

    Args:
        options: what the command was told.
        make_source: makes the source from the options, the settings and the URI of the table that records what was
            taken; by default what `options.source` names.

    Raises:
        EbbError: whatever is wrong, with what to do next; nothing has been written yet.
    """
    check_options(options.beam_options)
    check_runner(options.runner)
    settings = load_settings(
        home=options.home,
        lake=options.lake,
        packs=options.packs,
        authorization=options.authorization,
        authorized_systems=options.authorized_systems,
    )
    catalogue = load_catalogue(settings.packs)
    check_format(options.record_format, catalogue, options.stream)
    _check_systems(catalogue, *settings.authorized_systems, *filter(None, [options.system]))
    granted = _authorization(settings)
    clock = RunClock(parse_instant(options.now))
    stream, record_format, system = options.stream, options.record_format, options.system
    job = StreamJob(stream, clock, settings.opener, settings.packs, granted, record_format, system)
    tables = _tables(settings.lake, stream, catalogue)
    stop_file = Path(tempfile.gettempdir()) / f"ebb-stop-{uuid.uuid4().hex}"
    limits = ReadLimits(options.drain, stop_file)
    source = (make_source or _source)(options, settings, tables.summed.uri)
    if isinstance(source, FilesSource):
        source = replace(source, troubles=stop_file.with_suffix(".troubles"))
    run = StreamRun(source, limits, job, settings.lake, _metadata(stream, granted, clock))
    return Launch(run, JOBS[stream], options.runner, options.beam_options, tables, settings, options.as_json)


def launch(chosen: Launch) -> None:
    """Run until the source is drained, or until SIGINT or SIGTERM, then report.

    Raises:
        EbbError: the engine or the lake failed; what was committed stays.
        LakeError: files could not be read; what could be read is committed and reported.
    """
    watch = Watch(chosen.as_json)
    source = chosen.run.source
    notes = source.troubles if isinstance(source, FilesSource) else None
    try:
        tally = carry_out(chosen, watch)
        troubles = troubles_in(notes) if notes else []
    finally:
        if notes:
            notes.unlink(missing_ok=True)
    watch.report(tally, chosen.tables)
    if troubles:
        raise LakeError("\n".join(troubles))
    _advise(chosen, tally, watch)


def carry_out(chosen: Launch, watch: Watch) -> Tally:
    """Run as `launch` does; return what was done instead of reporting it."""
    made = ensure_home(chosen.settings)
    made += [f"Made the table {uri}." for uri in chosen.tables.create()]
    for sentence in made:
        watch.say(sentence)
    if not chosen.run.limits.drain:
        watch.say("streaming; Ctrl-C or SIGTERM finishes the bundle in hand")
    tally = Tally(chosen.tables.summed.uri, chosen.run.metadata["ebb.run"])
    # The engine has the main thread: Prism's launcher insists on it, and signals arrive there.
    with _stopping_by(chosen.run.limits.stop_file, watch), watch.following(tally):
        failure = None
        try:
            run_job(chosen.job, chosen.run, chosen.runner, chosen.beam_options)
        except Exception as problem:  # noqa: BLE001 - an engine's text may quote a value
            failure = _plain(problem)
    if failure:
        raise failure
    tally.update()
    return tally


def _advise(chosen: Launch, tally: Tally, watch: Watch) -> None:
    """Say what a sum that surprises means, and what to do next."""
    total, source = tally.total, chosen.run.source
    if total.read == 0 and isinstance(source, FilesSource) and chosen.run.limits.drain:
        files = matching(source.pattern)
        if any(Path(name).stat().st_size for name in files):
            number = f"all {len(files):,} files were" if len(files) > 1 else "the file was"
            watch.say(f"nothing new: {number} read to {'their' if len(files) > 1 else 'its'} end before")
        else:
            watch.say("nothing to read: the files are empty")
    if 0 < total.read <= 2 * sum(total.dead_letters.values()):
        home = chosen.settings.home
        watch.say(
            f"most events were rejected: `ebb dead-letters list --home {home}` says why; "
            "correct it, then `ebb dead-letters replay`"
        )


def dry_run(chosen: Launch) -> None:
    """Take ten events through the whole pipeline with keys that are thrown away, and show them before and after."""
    from pipelines.rehearsal import rehearse  # noqa: PLC0415

    rehearse(chosen)


def _source(options: RunOptions, settings: Settings, table: str) -> Source:
    endpoint = parse_endpoint(options.source)
    if isinstance(endpoint, PubSubEndpoint):
        from pipelines.sources.pubsub import PubSubSource, check_subscription  # noqa: PLC0415 - gRPC is slow to import

        check_subscription(endpoint.subscription)
        return PubSubSource(
            endpoint.subscription,
            options.record_format,
            options.system,
            options.max_events,
            options.max_seconds,
            options.quiet,
        )
    check_system(options.record_format, options.system)
    if Path(endpoint.pattern).is_dir():
        raise UsageError(f"{endpoint.pattern} is a folder: use files:{endpoint.pattern.rstrip('/')}/*")
    if options.drain and not matching(endpoint.pattern):
        raise UsageError(f"no file matches {endpoint}: check the pattern, and quote it so that the shell leaves it")
    return FilesSource(
        endpoint.pattern,
        table,
        options.stream,
        settings.opener,
        options.record_format,
        options.system,
        options.max_events,
        options.drain,
    )


def _check_systems(catalogue: Catalogue, *names: str) -> None:
    for name in names:
        if name not in catalogue.systems:
            raise UsageError(f"no pack is of the system {name!r}: there are {', '.join(sorted(catalogue.systems))}")


def _authorization(settings: Settings) -> Authorization:
    if settings.authorization == "operator" and not settings.authorized_systems:
        raise UsageError("--authorization operator needs --authorized-systems: name whose accounts authorized it")
    if settings.authorized_systems and settings.authorization != "operator":
        raise UsageError("--authorized-systems needs --authorization operator, by which the operator declares it")
    return Authorization(settings.authorization, frozenset(settings.authorized_systems))


def _tables(lake: str, stream: str, catalogue: Catalogue) -> LakeTables | VaultTables:
    if stream in RECORD_STREAMS:
        return VaultTables(lake, stream)
    return LakeTables(lake, stream, stream_schema(catalogue, stream))


def _purpose(stream: str) -> str:
    return "legal_duty" if stream in RECORD_STREAMS else "statistics"


def _metadata(stream: str, granted: Authorization, clock: RunClock) -> dict[str, str]:
    statement: str = granted.kind
    if granted.kind == "operator":
        names = ", ".join(sorted(granted.systems))
        statement = f"operator: declares that the accounts of {names} authorized the personal path"
    lines = {"ebb.run": uuid.uuid4().hex, "ebb.authorization": statement, "ebb.purpose": _purpose(stream)}
    if clock.drill:
        lines["ebb.now"] = clock.drill.isoformat()
    return lines


@contextmanager
def _stopping_by(stop_file: Path, watch: Watch) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into the stop file; a second signal ends the process at once."""

    def stop(number: int, _frame: Any) -> None:
        if stop_file.exists():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop_file.touch()
        watch.say("stopping: the bundle in hand is committed first")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop_file.unlink(missing_ok=True)


def _plain(problem: Exception) -> EbbError:
    """Find ebb's own error in what an engine raised, else name the kind of error alone: no value, no traceback."""
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, EbbError):
            return type(cause)(str(cause).partition(" [while running")[0])
        cause = cause.__cause__ or cause.__context__
    return EbbError(f"the run failed ({type(problem).__name__}); what was committed stays: run it again")
