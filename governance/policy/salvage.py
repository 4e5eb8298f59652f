"""Keep what is valid of a file that is not, so that one check can name its other problems too."""

from __future__ import annotations

import copy
from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

NOT_VALID = "not_valid"  # id or system of a pack whose own, or whose validity, is not valid
M = TypeVar("M", bound=BaseModel)
_WHY = MappingProxyType({"requirement": "R-POL-01", "reason": "Stands in for a part that is not valid."})
_DAYS = MappingProxyType({"value": 1, "unit": "days"})
# Stands in for parts that are missing or not valid; it never reaches a catalogue.
_STAND_IN = MappingProxyType(
    {
        "id": NOT_VALID,
        "system": NOT_VALID,
        "title": "-",
        "operator": "-",
        "source": {"note": "-"},
        "names": [],
        "purposes": [],
        "reply_deadline": {**_DAYS, "fallback": dict(_DAYS), **_WHY},
        "export": {"basis": "domestic_only", "certified_anonymous": False, **_WHY},
        "notice": {"days": 7, "channels": ["-"], **_WHY},
        "contact": {"channels": ["-"], "complaints": ["-"], **_WHY},
        "assessment": dict(_WHY),
        "rows": [],
    }
)


def salvage(
    data: object, errors: Sequence[ErrorDetails], model: type[M], context: Mapping[str, object] | None = None
) -> M | None:
    """Return a `model` of the valid parts of `data`, for further checks only; None if there are none.

    Unknown keys are left out; so are broken items of a list and other broken parts, which stand-ins replace.
    What only shows once an unknown key is gone is left to the next check.
    """
    if not isinstance(data, dict):
        return None
    kept = copy.deepcopy({key: value for key, value in data.items() if key in model.model_fields})
    broken: defaultdict[str, set[int]] = defaultdict(set)
    for error in errors:
        match error["loc"]:
            case loc if error["type"] == "extra_forbidden":
                _remove(kept, loc)
            case (str(key), int(index), *_):
                broken[key].add(index)
            case ("valid_from" | "valid_to" as key, *_):
                kept.pop(key, None)
                kept["system"] = NOT_VALID
            case loc:
                kept.pop(loc[0], None)
    for key, value in kept.items():
        if isinstance(value, list):
            kept[key] = [item for index, item in enumerate(value) if index not in broken[key]]
    stand_in = {key: value for key, value in _STAND_IN.items() if key in model.model_fields}
    try:
        return model.model_validate(stand_in | kept, context=dict(context or {}))
    except ValidationError:
        return None


def _remove(data: Any, loc: Sequence[str | int]) -> None:
    """Remove the key at `loc`, passing over parts that are no keys of the file: a union's tags."""
    for part in loc[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            continue
    data.pop(loc[-1], None)
