"""What a person sees of a run: live figures on a terminal, plain lines elsewhere, one JSON document on request."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter, deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from pipelines.options import emit_json
from pipelines.settings import wall_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.sinks.lake import LakeTables
    from pipelines.sinks.vault import VaultTables
    from pipelines.tally import Tally

PLAIN_EVERY = 10.0
"""Seconds between two lines where nobody watches, and over which the rate is taken."""

IDLE = 5.0
"""Seconds without an event after which a stream is idle, rather than late."""


class Watch:
    """Follows a run on standard error; its report goes to standard output.

    Args:
        as_json: print nothing but one JSON document at the end.
    """

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(file=sys.stderr, highlight=False)  # this one, also while engines are silenced
        self._started = time.monotonic()
        self._pace = Pace(self._started)

    def say(self, sentence: str) -> None:
        """Print one sentence, on standard error."""
        if not self._as_json:
            self._console.print(sentence, soft_wrap=True)

    @contextmanager
    def following(self, tally: Tally) -> Iterator[None]:
        """Show progress as long as the block runs."""
        ended = threading.Event()
        terminal = not self._as_json and sys.stderr.isatty()
        follow = self._follow_live if terminal else self._follow_plainly
        follower = threading.Thread(target=follow, args=(ended, tally), name="ebb-watch", daemon=True)
        follower.start()
        try:
            yield
        finally:
            ended.set()
            follower.join()

    def report(self, tally: Tally, tables: LakeTables | VaultTables) -> None:
        """Print the sum of the run and where its tables are."""
        total = tally.update()
        seconds = time.monotonic() - self._started
        places = tables.places
        if self._as_json:
            emit_json(
                {
                    **total.parts(),
                    "bundles": tally.bundles,
                    "seconds": round(seconds, 2),
                    "rate": round(tally.rate),
                    "tables": places,
                }
            )
            return
        pace = f"{tally.rate:,.0f}/s from first read to last commit; " if tally.rate else ""
        click.echo(f"events in            {total.read:>12,}   {pace}{seconds:,.1f} s with start-up and waiting")
        counts = {"anonymous": total.rows, "personal": total.personal, "vault": total.rows}
        for name in (name for name in counts if name in places):
            click.echo(f"rows, {name:<14} {counts[name]:>12,}   {_near(places[name])}")
        for code, number in sorted(total.held.items()):
            click.echo(f"held among them      {number:>12,}   {code}: `ebb vault settle` moves what is completed")
        if rejected := sum(total.dead_letters.values()):
            click.echo(f"rejected             {rejected:>12,}   {_near(places['dead_letters'])}, sealed")
        for code, number in sorted(total.dead_letters.items()):
            click.echo(f"  of them            {number:>12,}   {code}")
        for code, number in sorted(total.dropped.items()):
            if number:
                click.echo(f"dropped              {number:>12,}   {code}")
        removed = Counter[str]()
        for path, number in total.fields_dropped.items():
            removed[path.partition(" ")[0]] += number
        for code, number in sorted(removed.items()):
            click.echo(f"values removed       {number:>12,}   {code}; --json says from which fields")

    def _follow_live(self, ended: threading.Event, tally: Tally) -> None:
        with Live(Text("waiting for events"), console=self._console, refresh_per_second=4, transient=True) as live:
            while not ended.wait(0.25):
                live.update(Text(self._line(tally)))

    def _follow_plainly(self, ended: threading.Event, tally: Tally) -> None:
        while not ended.wait(PLAIN_EVERY):
            self.say(self._line(tally))

    def _line(self, tally: Tally) -> str:
        total = tally.update()
        pace = self._pace(time.monotonic(), total.read)
        lag = ""
        if pace is not None and tally.published:
            lag = f"  lag {(wall_clock() - tally.published).total_seconds():,.0f} s"
        rejected = sum(total.dead_letters.values())
        return (
            f"{total.read:,} events  {'idle' if pace is None else f'{pace:,.0f}/s'}  "
            f"{total.rows + total.personal:,} rows  {rejected:,} rejected{lag}"
        )


class Pace:
    """Events a second over the last interval.

    Args:
        instant: when counting began, by a clock that never goes back.
    """

    def __init__(self, instant: float) -> None:
        self._seen = deque([(instant, 0)])
        self._grown = instant

    def __call__(self, instant: float, count: int) -> float | None:
        """Return the pace, given how many events there are by now; None when none came for a while."""
        if count > self._seen[-1][1]:
            self._grown = instant
        self._seen.append((instant, count))
        while len(self._seen) > 2 and self._seen[1][0] <= instant - PLAIN_EVERY:  # noqa: PLR2004 - both ends of a span
            self._seen.popleft()
        if instant - self._grown >= IDLE:
            return None
        since, before = self._seen[0]
        return (count - before) / (instant - since) if instant > since else 0.0


def _near(place: str) -> str:
    """Return a path below the current folder as it is seen from there."""
    here = str(Path.cwd()) + os.sep
    return place.removeprefix(here)
