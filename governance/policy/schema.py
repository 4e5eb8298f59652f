"""JSON Schemas of packs and of inventory files, for editors: `python -m governance.policy.schema` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from governance.policy.model import PackText
from governance.policy.rows import InventoryFile

if TYPE_CHECKING:
    from pydantic import BaseModel

FILES: dict[str, type[BaseModel]] = {
    "pack.schema.json": PackText,
    "inventory.schema.json": InventoryFile,
}


def schema_text(model: type[BaseModel]) -> str:
    """Return the JSON Schema of a file that holds a `model`."""
    return json.dumps(model.model_json_schema(by_alias=True), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> None:
    """Write every schema into `folder`."""
    for name, model in FILES.items():
        (folder / name).write_text(schema_text(model), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(__file__).parent)
