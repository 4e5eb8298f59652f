"""The digest of a resolved pack: SHA-256 over one canonical JSON text, the same on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from governance.policy.model import Pack, PackText

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from governance.policy.model import Row


def resolve(text: PackText, inventory: Mapping[str, Row]) -> Pack:
    """Return the pack of `text` with its digest over the text and the rows of `inventory` that it names."""
    rows = [_plain(inventory[name]) for name in sorted(text.names)]
    digest = hashlib.sha256(canonical_json({"pack": _plain(text), "rows": rows})).hexdigest()
    values = {name: getattr(text, name) for name in PackText.model_fields}
    return Pack(**values, digest=digest)


def canonical_json(document: object) -> bytes:
    """Return `document` as UTF-8 JSON with sorted keys and without spaces."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _plain(model: BaseModel) -> dict[str, Any]:
    document = _ordered(model.model_dump(mode="json", by_alias=True))
    assert isinstance(document, dict)
    for name in ("names", "purposes"):
        if name in document:
            document[name] = sorted(document[name])
    return document


def _ordered(node: object) -> object:
    """Turn bands into pairs: their order decides, and sorting the keys of the JSON would lose it."""
    if isinstance(node, dict):
        return {
            key: [list(pair) for pair in value.items()] if key == "bands" else _ordered(value)
            for key, value in node.items()
        }
    return [_ordered(one) for one in node] if isinstance(node, list) else node
