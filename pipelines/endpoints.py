"""Where events come from and go to, as written on the command line: `pubsub:PROJECT/NAME` or `files:GLOB`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from governance.errors import UsageError

# Limits of the service; the emulator holds to the lengths as well.
_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_NAME = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")


@dataclass(frozen=True, slots=True)
class PubSubEndpoint:
    """A topic or a subscription; which of the two, the command knows."""

    project: str
    name: str

    @property
    def topic(self) -> str:
        """The full name, taken as a topic."""
        return f"projects/{self.project}/topics/{self.name}"

    @property
    def subscription(self) -> str:
        """The full name, taken as a subscription."""
        return f"projects/{self.project}/subscriptions/{self.name}"

    def __str__(self) -> str:
        """Return the form of the command line."""
        return f"pubsub:{self.project}/{self.name}"


@dataclass(frozen=True, slots=True)
class FilesEndpoint:
    """Files that match a glob, or one file to write."""

    pattern: str

    @property
    def path(self) -> Path:
        """The pattern, taken as one path."""
        return Path(self.pattern).expanduser()

    def __str__(self) -> str:
        """Return the form of the command line."""
        return f"files:{self.pattern}"


def parse_endpoint(text: str) -> PubSubEndpoint | FilesEndpoint:
    """Read an endpoint.

    Raises:
        UsageError: the text is neither form, or breaks a limit of Pub/Sub's names.
    """
    kind, colon, rest = text.partition(":")
    if colon and kind == "files":
        if not rest:
            raise UsageError("files: needs a path or a pattern, for example files:logs/*.ndjson")
        return FilesEndpoint(rest)
    if colon and kind == "pubsub":
        project, slash, name = rest.partition("/")
        if not slash or "/" in name:
            raise UsageError(f"{text!r} is not of the form pubsub:PROJECT/NAME")
        check_project(project)
        check_name(name)
        return PubSubEndpoint(project, name)
    raise UsageError(f"{text!r} is neither pubsub:PROJECT/NAME nor files:PATH")


def check_project(project: str) -> None:
    """Raise UsageError unless `project` can be a project id."""
    if not _PROJECT.fullmatch(project):
        raise UsageError(
            f"{project!r} cannot be a project id: 6 to 30 lower-case letters, digits and hyphens, a letter first"
        )


def check_name(name: str) -> None:
    """Raise UsageError unless `name` can be the name of a topic or subscription."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a topic or subscription: 3 to 255 letters, digits and -._~+%, "
            "a letter first, and not beginning with goog"
        )
