"""Endpoints as written on the command line."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import UsageError
from pipelines.endpoints import FilesEndpoint, PubSubEndpoint, parse_endpoint


def test_both_forms_are_read_and_written_the_same() -> None:
    """A topic has full names, a pattern stays as it was, and both print as they were given."""
    topic = parse_endpoint("pubsub:my-project/logs")
    assert topic == PubSubEndpoint("my-project", "logs")
    assert topic.topic == "projects/my-project/topics/logs"
    assert topic.subscription == "projects/my-project/subscriptions/logs"
    assert str(topic) == "pubsub:my-project/logs"
    files = parse_endpoint("files:logs/*.gz")
    assert files == FilesEndpoint("logs/*.gz")
    assert str(files) == "files:logs/*.gz"
    assert parse_endpoint("files:~/x").path == Path.home() / "x"


@pytest.mark.parametrize(
    "text",
    ["", "logs/*.gz", "files:", "pubsub:", "pubsub:my-project", "pubsub:my-project/a/b", "pubsub:short/topic",
     "pubsub:My-Project/topic", "pubsub:my-project/ab", "pubsub:my-project/1abc", "pubsub:my-project/google-logs",
     "http://x", "pubsub:my-project-/topic"],
)  # fmt: skip
def test_what_is_neither_form_is_a_usage_error(text: str) -> None:
    """A slip is named before anything is opened."""
    with pytest.raises(UsageError):
        parse_endpoint(text)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    """Any text either is an endpoint that prints as it was given, or a usage error."""
    with contextlib.suppress(UsageError):
        assert str(parse_endpoint(text)) == text
