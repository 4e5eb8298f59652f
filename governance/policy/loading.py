"""Load the inventory and the packs that ship with ebb, and those of a folder of one's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from governance.errors import PolicyError
from governance.policy.checking import inventory_problems, overlap_problems, pack_problems
from governance.policy.digest import resolve
from governance.policy.model import Catalogue, PackText
from governance.policy.reading import Problem, read
from governance.policy.rows import InventoryFile

if TYPE_CHECKING:
    from governance.policy.model import Pack, Row
    from governance.policy.reading import Document

BUILT_IN = Path(__file__).resolve().parent
INVENTORY = "inventory.yaml"
_SHOWN = 5


def load_catalogue(extra: Path | None = None) -> Catalogue:
    """Return the built-in inventory and packs, with those of the folder `extra`.

    Args:
        extra: a folder with `*.yaml` packs and, if wanted, an `inventory.yaml` of further rows.

    Raises:
        PolicyError: a file is not valid; the message names files, lines and paths.
    """
    if extra is None:
        return _built_in()
    if not extra.is_dir():
        raise PolicyError("the folder of packs does not exist: check --packs")
    return _load(extra)


@lru_cache(maxsize=1)
def _built_in() -> Catalogue:
    return _load(None)


def _load(extra: Path | None) -> Catalogue:
    inventory, packs, problems = examine(extra)
    if problems:
        raise PolicyError(_list_problems(problems))
    resolved = [resolve(document.model, inventory) for document in packs if document.model]
    resolved.sort(key=lambda pack: (pack.system, pack.valid_from is not None, pack.valid_from, pack.id))
    return Catalogue(inventory=inventory, packs=tuple(resolved))


def examine(
    extra: Path | None,
) -> tuple[dict[str, Row], tuple[Document[PackText], ...], tuple[Problem, ...]]:
    """Read everything and return rows, packs and every problem, whether valid or not."""
    inventory: dict[str, Row] = {}
    problems: list[Problem] = []
    for path in _inventories(extra):
        document = read(path, InventoryFile)
        problems += [*document.problems, *inventory_problems(document, inventory)]
        for row in document.model.rows if document.model else ():
            inventory.setdefault(row.field, row)
    sound = not problems  # with a broken inventory every name would seem unknown
    packs = tuple(read(path, PackText) for path in _packs(extra))
    for pack in packs:
        problems += [*pack.problems, *(pack_problems(pack, inventory) if sound else ())]
    problems += overlap_problems(packs)
    return inventory, packs, tuple(problems)


def check_file(path: Path, extra: Path | None = None) -> tuple[Problem, ...]:
    """Return every problem of one file or of a folder of packs.

    Args:
        path: a pack, an `inventory.yaml`, or a folder as for `load_catalogue`.
        extra: a folder whose packs and rows count as present.
    """
    if path.is_dir():
        if not any(path.glob("*.yaml")):
            return (Problem(path.name, 1, "folder", f"holds no pack and no {INVENTORY}: packs end in .yaml"),)
        return examine(path)[2]
    beside = path.parent if extra is None else extra
    if path.name == INVENTORY:
        document = read(path, InventoryFile)
        taken = {} if path.resolve() == BUILT_IN / INVENTORY else _rows([BUILT_IN / INVENTORY])
        return (*document.problems, *inventory_problems(document, taken))
    pack = read(path, PackText)
    problems = [*pack.problems, *pack_problems(pack, _rows(_inventories(beside)))]
    for other in (read(one, PackText) for one in _packs(extra)):
        if other.model != pack.model:  # a pack does not clash with itself
            problems += overlap_problems((other, pack))
    return tuple(sorted(problems))


def read_pack(path: Path) -> tuple[Pack, dict[str, Row]]:
    """Return the pack in the file `path` and the rows it is judged by: built-in, and those beside the file.

    Raises:
        PolicyError: the file is not valid.
    """
    rows = _rows(_inventories(path.parent))
    document = read(path, PackText)
    problems = (*document.problems, *pack_problems(document, rows))
    if document.model is None or problems:
        raise PolicyError(_list_problems(problems))
    return resolve(document.model, rows), rows


def _rows(paths: list[Path]) -> dict[str, Row]:
    documents = [read(path, InventoryFile) for path in paths]
    return {row.field: row for document in documents if document.partial for row in document.partial.rows}


def _list_problems(problems: tuple[Problem, ...]) -> str:
    more = f"\n… and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    listed = "\n".join(str(problem) for problem in problems[:_SHOWN])
    return f"the policy is not valid; `ebb policy check` names every problem:\n{listed}{more}"


def _inventories(extra: Path | None) -> list[Path]:
    shipped = BUILT_IN / INVENTORY
    own = extra / INVENTORY if extra else shipped
    return [shipped, own] if own.exists() and own.resolve() != shipped else [shipped]


def _packs(extra: Path | None) -> list[Path]:
    own = sorted(path for path in extra.glob("*.yaml") if path.name != INVENTORY) if extra else []
    shipped = sorted((BUILT_IN / "packs").glob("*.yaml"))
    return [*shipped, *(path for path in own if path.resolve() not in shipped)]
