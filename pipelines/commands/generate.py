"""`ebb generate`: synthetic events to standard output, a file or a topic."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from governance.errors import EbbError, UsageError, counted
from pipelines.commands.run import STREAMS
from pipelines.endpoints import FilesEndpoint, check_name, parse_endpoint
from pipelines.options import common, emit_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipelines.endpoints import PubSubEndpoint

_STEP = 1000


@click.command(epilog="Example: ebb generate service-logs --events 10000 --seed 7 --to files:events.ndjson")
@click.argument("stream", type=click.Choice(list(STREAMS)))
@click.option("--events", "count", type=click.IntRange(0), required=True, help="Number of lines.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed makes the same events.")
@click.option("--start", metavar="INSTANT", help="Time of the first event; by default --days before this hour.")
@click.option(
    "--days",
    type=click.FloatRange(0.01, 3660),
    show_default="7, transactions 90",
    help="Days they spread over.",
)
@click.option("--system", "systems", multiple=True, help="Only this system's events; may be repeated.")
@click.option(
    "--defects",
    type=click.FloatRange(0, 1),
    default=0.005,
    show_default=True,
    help="Share of damaged, prohibited and repeated lines.",
)
@click.option("--to", "target", metavar="ENDPOINT", help="files:PATH or pubsub:PROJECT/TOPIC; else standard output.")
@click.option("--subscription", metavar="NAME", help="Make this subscription of the topic too, on the emulator.")
@common
def generate(
    *,
    stream: str,
    count: int,
    seed: int,
    start: str | None,
    days: float | None,
    systems: tuple[str, ...],
    defects: float,
    target: str | None,
    subscription: str | None,
    home: Path,
    packs: Path | None,
    as_json: bool,
) -> None:
    """Write synthetic events of STREAM in the native envelope, one a line.

    The people are invented, the untidiness is real: sessions, several languages, personal data typed into search
    fields, signals of rejection, and a few lines that must be refused. With --start, the same options always write
    the same bytes.
    """
    from governance.policy import load_catalogue
    from pipelines.clock import parse_instant
    from pipelines.progress import Stopwatch, counting
    from pipelines.settings import load_settings, wall_clock
    from pipelines.synthetic import events, transactions

    endpoint = None if target is None else parse_endpoint(target)
    if subscription is not None:
        if endpoint is None or isinstance(endpoint, FilesEndpoint):
            raise UsageError("--subscription goes with --to pubsub:PROJECT/TOPIC")
        check_name(subscription)
    if as_json and endpoint is None:
        raise UsageError("--json describes what was written: say where with --to")
    catalogue = load_catalogue(load_settings(home=home, packs=packs).packs)
    if unknown := sorted(set(systems) - catalogue.systems):
        raise UsageError(
            f"no policy pack is of system {unknown[0]!r}; there are {', '.join(sorted(catalogue.systems))}"
        )
    orders = STREAMS[stream] == "transactions"
    span = timedelta(days=days or (90 if orders else 7))
    first = parse_instant(start) or wall_clock().replace(minute=0, second=0, microsecond=0) - span
    made = (
        transactions(count, seed, first, catalogue, span=span, systems=systems, defects=defects)
        if orders
        else events(STREAMS[stream], count, seed, first, catalogue, span=span, systems=systems, defects=defects)
    )
    watch = Stopwatch()
    with counting("events", count) as progress:
        if endpoint is None:
            _to_stdout(made)
            return
        if isinstance(endpoint, FilesEndpoint):
            _to_file(endpoint, made, progress)
        else:
            _to_topic(endpoint, subscription, made, progress)
    if as_json:
        emit_json({"events": count, "seed": seed, "start": first, "to": str(endpoint), "seconds": watch.seconds})
    else:
        click.echo(f"wrote {counted(count, 'event')} to {endpoint}, {count / watch.seconds:,.0f}/s")


def _to_stdout(lines: Iterator[bytes]) -> None:
    output = sys.stdout.buffer
    try:
        for line in lines:
            output.write(line + b"\n")
        output.flush()
    except BrokenPipeError:
        # The reader, `head` for one, has had enough; leave nothing for the interpreter to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _to_file(endpoint: FilesEndpoint, lines: Iterator[bytes], progress: Callable[[int], None]) -> None:
    try:
        endpoint.path.parent.mkdir(parents=True, exist_ok=True)
        with endpoint.path.open("wb") as output:
            for number, line in enumerate(lines, 1):
                output.write(line + b"\n")
                if number % _STEP == 0:
                    progress(_STEP)
    except OSError as problem:
        raise EbbError(f"{endpoint.path} cannot be written: {problem.strerror}") from None


def _to_topic(
    endpoint: PubSubEndpoint, subscription: str | None, lines: Iterator[bytes], progress: Callable[[int], None]
) -> None:
    from pipelines.publish import pack_lines, prepare, publish

    for made in prepare(endpoint, subscription):
        click.echo(f"made on the emulator: {made}", err=True)
    publish(endpoint, pack_lines(lines), {"format": "native"}, progress)
