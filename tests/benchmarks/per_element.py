"""A Beam job that looks at one event at a time with Presidio's analyzer; run in Presidio's environment.

    python per_element.py EVENTS.ndjson OUT [--patterns]

Reads events, analyses the search query of each, writes it back without what was found, and prints, as JSON, how many
texts it did in how many seconds; loading the analyzer is not counted. Nothing of the project is imported here.
"""

# ruff: noqa: T201 - a benchmark prints

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

if TYPE_CHECKING:
    from collections.abc import Iterator


class _RedactFn(beam.DoFn):  # type: ignore[misc]  # Beam is untyped here
    def __init__(self, patterns: bool, times: str) -> None:
        self._patterns = patterns
        self._times = times

    def setup(self) -> None:
        from presidio_run import analyzer  # noqa: PLC0415 - the job is built without it

        self._engine, self._name = analyzer(patterns=self._patterns)
        self._engine.analyze(text="warm up 1.2.3.4 a@example.com", language="en")
        self._first = 0.0
        self._number = 0

    def process(self, element: str) -> Iterator[str]:
        self._first = self._first or time.perf_counter()
        event: dict[str, Any] = json.loads(element)
        text = event["fields"].get("search_query")
        if text:
            found = self._engine.analyze(text=text, language="en")
            for one in sorted(found, key=lambda one: one.start, reverse=True):
                text = f"{text[: one.start]}[{one.entity_type}]{text[one.end :]}"
            event["fields"]["search_query"] = text
        yield json.dumps(event, ensure_ascii=False)
        self._number += 1

    def teardown(self) -> None:
        report = {"engine": self._name, "texts": self._number, "seconds": time.perf_counter() - self._first}
        with open(self._times, "w", encoding="utf-8") as out:  # noqa: PTH123
            json.dump(report, out)


def main() -> None:
    """Run the job on Beam's embedded runner."""
    events, out, patterns = sys.argv[1], sys.argv[2], "--patterns" in sys.argv
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        lines = pipeline | beam.io.ReadFromText(events)
        done = lines | beam.ParDo(_RedactFn(patterns, f"{out}.times"))
        _ = done | beam.io.WriteToText(out)
    with open(f"{out}.times", encoding="utf-8") as report:  # noqa: PTH123
        print(report.read())


if __name__ == "__main__":
    main()
