"""The JSON Schemas that ship."""

from __future__ import annotations

import json
import runpy
from typing import TYPE_CHECKING

from governance.policy.loading import BUILT_IN
from governance.policy.schema import FILES, schema_text, write_schemas

if TYPE_CHECKING:
    from pathlib import Path


def test_schemas_are_fresh(tmp_path: Path) -> None:
    """The committed schemas are what `python -m governance.policy.schema` writes today."""
    write_schemas(tmp_path)
    for name, model in FILES.items():
        assert (BUILT_IN / name).read_text(encoding="utf-8") == schema_text(model), f"write {name} again"
        assert (tmp_path / name).read_text(encoding="utf-8") == schema_text(model)


def test_schemas_refuse_unknown_keys_and_name_the_class_by_its_alias() -> None:
    """Editors see strict objects, and the key `class`."""
    schema = json.loads((BUILT_IN / "inventory.schema.json").read_text(encoding="utf-8"))
    assert schema["$defs"]["Row"]["additionalProperties"] is False
    assert "class" in schema["$defs"]["Row"]["required"]


def test_module_runs() -> None:
    """Run as a program, the module writes the same files again."""
    before = {name: (BUILT_IN / name).read_bytes() for name in FILES}
    runpy.run_path(str(BUILT_IN / "schema.py"), run_name="__main__")
    assert {name: (BUILT_IN / name).read_bytes() for name in FILES} == before
