"""Read a policy file into its model, and name every problem with the line it is on.

Warnings: a message names a path, a line and what is expected there, never what was found there: a file in the
wrong place may hold anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from governance.policy.hierarchy import FOLDER
from governance.policy.salvage import salvage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)
_BASE: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SAYINGS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key here",
    "literal_error": "must be one of {expected}",
    "union_tag_invalid": "`do` must be one of {expected_tags}",
    "union_tag_not_found": "needs `do`, the name of a treatment",
    "value_error": "{error}",
    "string_pattern_mismatch": "must match {pattern}",
    "timezone_aware": "needs an offset such as +08:00",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length} item",
    "string_too_short": "must not be empty",
    "string_type": "must be text; quote it if it looks like a number or a date",
}
_KEY = re.compile(r"[a-z][a-z_]{1,30}")
_BOOLEAN = "tag:yaml.org,2002:bool"
NOT_YAML: tuple[type[Exception], ...] = (
    yaml.YAMLError, ValueError, RecursionError, LookupError, TypeError, AttributeError,
)  # fmt: skip
"""What reading a text as YAML raises: `!!int ""` is an IndexError, `!!bool x` a KeyError, `!!timestamp x` worse."""


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong in a policy file; `line` counts from 1."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.message}"


@dataclass(frozen=True)
class Document(Generic[M]):
    """A file as read: its model if it is valid, the problems if not, and the lines of its parts.

    Attributes:
        partial: the model, or what could be made of the valid parts: to find further problems, not to use.
    """

    path: Path
    model: M | None
    partial: M | None
    problems: tuple[Problem, ...]
    root: yaml.Node | None

    def problem(self, loc: Sequence[str | int], message: str) -> Problem:
        """Return a problem at a place of this file."""
        line, path = _place(self.root, loc)
        return Problem(self.path.name, line, path, message)

    def item(self, key: str, name: str) -> tuple[str | int, ...]:
        """Return the place of the text `name` in the list `key`."""
        return next(iter(self.items(key, name)), (key,))

    def items(self, key: str, name: str, by: str | None = None) -> list[tuple[str | int, ...]]:
        """Return the places in the list `key` of the text `name`, or of mappings whose `by` is `name`."""
        found = _child(self.root, key)
        nodes = found[1].value if found and isinstance(found[1], yaml.SequenceNode) else []
        named = [node if by is None else (_child(node, by) or (0, None))[1] for node in nodes]
        return [(key, index) for index, node in enumerate(named) if node is not None and node.value == name]


class _Loader(_BASE):  # type: ignore[misc, valid-type]
    """YAML without the words that YAML 1.1 takes for booleans: `export: no` means the word."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != _BOOLEAN or first in "tTfF"]
    for first, rules in _BASE.yaml_implicit_resolvers.items()
}


def read(path: Path, model: type[M]) -> Document[M]:
    """Read `path` as a `model`."""
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        try:
            root = loader.get_single_node()
            data = None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
    except NOT_YAML as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        problem = Problem(path.name, line, "file", "is not readable as YAML in UTF-8")
        return Document(path, None, None, (problem,), None)
    except OSError:
        return Document(path, None, None, (Problem(path.name, 1, "file", "cannot be opened"),), None)
    problems = [Problem(path.name, line, "file", "a key is there twice") for line in _repeated(root)] if root else []
    try:
        found: M | None = model.model_validate(data, context={FOLDER: path.parent})
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        problems += [_problem(path, root, detail) for detail in errors]
        found = salvage(data, errors, model, {FOLDER: path.parent})
    return Document(path, None if problems else found, found, tuple(sorted(set(problems))), root)


def _problem(path: Path, root: yaml.Node | None, detail: ErrorDetails) -> Problem:
    unknown = detail["type"] == "extra_forbidden"
    absent = detail["type"] == "missing"
    # At the top a key that looks like one is told: a slip such as `purpose` is found by its name.
    told = len(detail["loc"]) == 1 and _KEY.fullmatch(str(detail["loc"][0]))
    line, where = _place(root, detail["loc"], hide_last=unknown and not told, absent=absent)
    return Problem(path.name, line, where, _say(detail))


def _say(detail: ErrorDetails) -> str:
    """Say what is expected: of pydantic's own words only those that come from the model, none from the file."""
    saying = _SAYINGS.get(detail["type"], f"is not valid: {detail['type'].replace('_', ' ')}")
    return saying.format(**detail.get("ctx", {}))


def _place(
    root: yaml.Node | None, loc: Sequence[str | int], *, hide_last: bool = False, absent: bool = True
) -> tuple[int, str]:
    """Return line and path of `loc`; parts that are not in the file (a union's tag) are left out.

    Args:
        root: the file's mapping.
        loc: keys and indices.
        hide_last: write the last key `?`: the model does not know it, so it may be anything.
        absent: the last key is told even if it is not in the file.
    """
    node, line, path, hide = root, 1 if root is None else root.start_mark.line + 1, "", False
    for index, part in enumerate(loc):
        found, last = _child(node, part), index == len(loc) - 1
        if found is None and not (last and absent):
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{'?' if hide or (last and hide_last) else part}"
        line, node = found or (line, None)
        hide = part == "bands"
    return line, path.removeprefix(".") or "file"


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def _repeated(root: yaml.Node) -> Iterator[int]:
    """Yield the lines of keys that a mapping holds twice: YAML would silently take the last."""
    nodes, visited = [root], set[int]()
    while nodes:
        node = nodes.pop()
        if id(node) in visited:  # an alias: seen already
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            seen: set[Any] = set()
            for key, value in node.value:
                if key.value in seen:
                    yield key.start_mark.line + 1
                seen.add(key.value)
                nodes.append(value)
