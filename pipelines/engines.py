"""Run a streaming job on an engine: embedded, Prism, or whatever Beam's own options name.

Guarantee: stopping is asked for by a file that the read looks for before each pull, so the bundle in hand is
committed and acknowledged first, on every engine.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import create_runner
from apache_beam.runners.worker.statesampler import StateSampler

from governance.errors import EbbError, UsageError
from pipelines.tools import find_prism

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from apache_beam.runners.runner import PipelineResult

    from pipelines.stream import Job, StreamRun

LOCAL_ENGINE = (
    # Workers are threads of this process: raw values never leave it.
    "--environment_type=LOOPBACK",
    # No `pip freeze`, which would have the environment of this process, EBB_ROOT_KEY among it.
    "--experiments=disable_logging_submission_environment",
    # Beam ends a job that it watches for longer than this many seconds; a stream goes on for years.
    "--job_server_timeout=1000000000",
)
"""Beam's options for an engine on this machine."""

START_SECONDS = 20.0

SAMPLING_MS = 5
"""How long the end of a bundle waits at most for Beam's own measuring of it."""

BUNDLES_IN_A_PIPELINE = 200
"""The embedded engine keeps about 20 KB for every bundle, so it ends its pipeline and starts anew this often."""


def run_job(job: Job, run: StreamRun, runner: str, beam_options: Sequence[str] = ()) -> None:
    """Run the job until its read ends.

    Args:
        job: builds the graph.
        run: what it is told.
        runner: `embedded`, `prism`, or a name that Beam knows.
        beam_options: further options, handed to Beam as they are.

    Raises:
        EbbError: the engine is missing, or the job failed.
    """
    _sample_often()
    with _silenced():
        if runner == "embedded":
            _run_embedded(job, run, beam_options)
        elif runner == "prism":
            with _prism() as endpoint:
                _run_portable(
                    job, run, ["--runner=PortableRunner", f"--job_endpoint={endpoint}", *LOCAL_ENGINE, *beam_options]
                )
        else:
            _run_portable(job, run, [f"--runner={runner}", *beam_options])


def _sample_often() -> None:
    """Shorten the sleep of the thread by which Beam measures a bundle's steps; no option of Beam's does.

    It sleeps ever longer, a fifth of the time that the bundle took, and the bundle's end waits for it: 40 ms of 250.
    """
    StateSampler.__init__.__defaults__ = (SAMPLING_MS,)


def check_options(beam_options: Sequence[str], command: str = "ebb run") -> None:
    """Refuse what neither a command of ebb nor Beam knows; Beam itself would pass over a misspelt option in silence.

    Raises:
        UsageError: names the options.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        with contextlib.suppress(argparse.ArgumentError):
            options._add_argparse_args(parser)  # noqa: SLF001 - as Beam's own get_all_options does
    _, unknown = parser.parse_known_args(list(beam_options))
    if unknown:
        raise UsageError(f"neither ebb nor Beam knows {', '.join(unknown)}: see `{command} --help`")


def check_runner(runner: str) -> None:
    """Make sure that there is such an engine, before a run makes anything.

    Raises:
        UsageError: it is not known, or not installed; the message says what to do next.
    """
    if runner == "prism":
        _prism_program()
    elif runner != "embedded":
        try:
            create_runner(runner)
        except (ImportError, AttributeError):
            raise UsageError(
                f"the runner {runner} needs a part of Beam that is not installed: see Beam's page on it"
            ) from None
        except ValueError:
            raise UsageError(
                f"no runner is called {runner!r}: use embedded, prism, or one of Beam's, such as FlinkRunner"
            ) from None


def _prism_program() -> Path:
    program = find_prism()
    if program is None:
        named = os.environ.get("EBB_PRISM")
        where = f"EBB_PRISM names {named}, which is no program that may be run" if named else "Prism is not installed"
        raise UsageError(f"{where}: `make prism` builds it, EBB_PRISM may name its binary")
    return program


def _run_portable(job: Job, run: StreamRun, options: Sequence[str]) -> None:
    try:
        pipeline = beam.Pipeline(options=PipelineOptions([*options, "--streaming"]))
    except ValueError as problem:  # of options alone: no event has been read yet
        raise UsageError(f"the runner refuses its options: {' '.join(str(problem).split())}") from None
    job(pipeline, run)
    with _interrupts_kept_from_children():
        result = pipeline.run()
    state = result.wait_until_finish()
    if state not in {"DONE", "DRAINED", "CANCELLED", "UPDATED"}:
        raise EbbError(f"the job ended as {state}; what was committed stays, run it again")


@contextmanager
def _prism() -> Iterator[str]:
    """Start Prism for one job and yield its endpoint; it gets no key, and ends with the job.

    Beam would start it too, but with the whole environment of this process, EBB_ROOT_KEY among it.
    """
    program = _prism_program()
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EBB_")}
    try:
        with _interrupts_kept_from_children():
            process = subprocess.Popen(  # noqa: S603 - a path that find_prism checked
                [str(program), f"--job_port={port}", "--serve_http=false"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
    except OSError as problem:
        raise EbbError(
            f"{program} is no program for this machine ({problem.strerror}): build Prism anew with `make prism`"
        ) from None
    try:
        _wait_for_port(port, process)
        yield f"localhost:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise EbbError("Prism did not start: run its binary by hand to see why, or build it anew with `make prism`")


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep what engines print themselves from the terminal, unless EBB_DEBUG asks for it: it may quote anything."""
    if os.environ.get("EBB_DEBUG"):
        yield
        return
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # noqa: PTH123 - a device, not a path
        yield


@contextmanager
def _interrupts_kept_from_children() -> Iterator[None]:
    """Start children that ignore SIGINT, and keep this process's own handler over one that Beam would set.

    A terminal sends the signal to the whole group; the engine must live until the bundle in hand is committed.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run_embedded(job: Job, run: StreamRun, beam_options: Sequence[str]) -> None:
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner  # noqa: PLC0415 - slow import

    recycled = replace(run, limits=replace(run.limits, bundles=BUNDLES_IN_A_PIPELINE))
    ended = False
    while not ended:
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(list(beam_options)))
        job(pipeline, recycled)
        result = pipeline.run()
        result.wait_until_finish()
        ended = _count(result, "ended") > 0
        del pipeline, result
        gc.collect()


def _count(result: PipelineResult, name: str) -> int:
    named = beam.metrics.MetricsFilter().with_name(name)
    return sum(counter.committed or 0 for counter in result.metrics().query(named)["counters"])
