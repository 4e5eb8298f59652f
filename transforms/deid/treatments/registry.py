"""Which columns a treatment makes of a field, and with which function."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.policy import hierarchy as files
from governance.policy import keyed
from governance.policy import treatments as policy
from transforms.deid.columns import as_text
from transforms.deid.treatments.bucket import bucket
from transforms.deid.treatments.categorize import categorize
from transforms.deid.treatments.code_only import code_only
from transforms.deid.treatments.count_only import count_only
from transforms.deid.treatments.date_part import date_part
from transforms.deid.treatments.geohash import geohash
from transforms.deid.treatments.hierarchy import hierarchy
from transforms.deid.treatments.hour import hour
from transforms.deid.treatments.keep import fit_number, keep
from transforms.deid.treatments.major_version import major_version
from transforms.deid.treatments.mask import mask
from transforms.deid.treatments.truncate_ip import truncate_ip
from transforms.deid.treatments.url_path import url_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from governance.policy import Row

    Columns = tuple[pa.Field, ...]
    Function = Callable[[pa.Array], tuple[pa.Array, ...]]

TYPES = MappingProxyType({"text": pa.string(), "int64": pa.int64(), "int16": pa.int16(), "bool": pa.bool_()})


@dataclass(frozen=True, slots=True)
class Context:
    """What a treatment may know besides its own parameters: the row, and the pack's URL templates."""

    row: Row
    url_templates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of treatment.

    Attributes:
        columns: row → the columns it makes; none for what is destroyed.
        bind: (treatment, context) → a function of distinct values to one array a column.
    """

    columns: Callable[[Row], Columns]
    bind: Callable[[Any, Context], Function]


def columns_of(treatment: policy.Treatment, row: Row) -> Columns:
    """Return the columns that `treatment` makes of `row`, in order."""
    stands = in_stream(treatment)
    return REGISTRY[type(stands)].columns(row)


def bind(treatment: policy.Treatment, context: Context) -> Function:
    """Return the column function of `treatment`; it takes distinct values and gives one array a column."""
    stands = in_stream(treatment)
    return REGISTRY[type(stands)].bind(stands, context)


def in_stream(treatment: policy.Treatment) -> policy.Treatment:
    """Return what stands in for a treatment that would have to count rows, which no stream does."""
    if isinstance(treatment, policy.GroupThreshold):
        return policy.DeviceBrand() if treatment.in_stream == "brand" else policy.Suppress()
    return treatment


def _text(row: Row) -> Columns:
    return (pa.field(row.field, pa.string()),)


def _own_type(row: Row) -> Columns:
    return (pa.field(row.field, TYPES[row.type]),)


def _nothing(row: Row) -> Columns:  # noqa: ARG001 - every kind takes a row
    return ()


def _presence(row: Row) -> Columns:
    # Where the inventory itself only counts, the column bears the field's name. A pack that only counts what others
    # keep writes a column of its own, since one name has one type.
    counted = isinstance(row.analytics, policy.CountOnly)
    return (pa.field(row.field if counted else f"{row.field}_present", pa.bool_()),)


def _with(*suffixes: tuple[str, pa.DataType]) -> Callable[[Row], Columns]:
    return lambda row: tuple(pa.field(row.field + suffix, kind) for suffix, kind in suffixes)


def _on_text(function: Callable[..., Any], *parameters: str) -> Callable[[Any, Context], Function]:
    """Bind a function of text to the treatment's attributes of the same names."""

    def binder(treatment: Any, _: Context) -> Function:
        chosen = {name: getattr(treatment, name) for name in parameters}

        def treat(values: pa.Array) -> tuple[pa.Array, ...]:
            result = function(as_text(values), **chosen)
            return result if isinstance(result, tuple) else (result,)

        return treat

    return binder


def _once_bound(name: str, *parameters: str) -> Callable[[Any, Context], Function]:
    """Bind the treatment of that name as `_on_text` does, and import it only then.

    Its patterns and tables take longer to load than a catalogue or a sweep, which ask for columns alone, takes to read.
    """

    def binder(treatment: Any, context: Context) -> Function:
        function = getattr(import_module(f"transforms.deid.treatments.{name}"), name)
        return _on_text(function, *parameters)(treatment, context)

    return binder


def _bind_keep(treatment: policy.Keep, context: Context) -> Function:
    kind = TYPES[context.row.type]
    if pa.types.is_integer(kind):
        return lambda values: (fit_number(values, kind),)
    if pa.types.is_boolean(kind):
        return lambda values: (pc.cast(values, kind),)
    return lambda values: (keep(as_text(values), shape=treatment.shape, allowed=treatment.values),)


def _bind_url(treatment: policy.UrlPath, context: Context) -> Function:
    host, templates = treatment.host, context.url_templates
    return lambda values: (url_path(as_text(values), host=host, templates=templates),)


def _bind_nothing(treatment: Any, context: Context) -> Function:  # noqa: ARG001 - every kind takes both
    return lambda values: ()  # noqa: ARG005


_TEXT, _INT32 = pa.string(), pa.int32()

REGISTRY: Mapping[type, Kind] = MappingProxyType(
    {
        policy.Keep: Kind(_own_type, _bind_keep),
        policy.Suppress: Kind(_nothing, _bind_nothing),
        policy.Reject: Kind(_nothing, _bind_nothing),
        # Tokens need keys and dates: the engine makes them (transforms.deid.tokens).
        policy.Pseudonymize: Kind(_text, _bind_nothing),
        policy.CountOnly: Kind(_presence, lambda *_: lambda values: (count_only(values),)),
        policy.FreeText: Kind(
            _with(("", _TEXT), ("_length", _INT32), ("_lang", _TEXT)), _once_bound("free_text", "words")
        ),
        policy.CodeOnly: Kind(_with(("", _TEXT), ("_length", _INT32)), _on_text(code_only)),
        policy.TruncateIp: Kind(_text, _on_text(truncate_ip, "v4", "v6")),
        policy.UrlPath: Kind(_text, _bind_url),
        policy.UserAgentParts: Kind(_with(("_browser", _TEXT), ("_os", _TEXT)), _once_bound("user_agent")),
        policy.DeviceBrand: Kind(_text, _once_bound("device_brand")),
        policy.MajorVersion: Kind(_text, _on_text(major_version)),
        policy.Categorize: Kind(_text, _on_text(categorize, "bands", "other")),
        policy.Bucket: Kind(_text, _on_text(bucket, "edges", "unit")),
        policy.City: Kind(_text, _once_bound("city")),
        policy.Hour: Kind(_text, _on_text(hour)),
        policy.DatePart: Kind(_text, _on_text(date_part, "unit")),
        policy.Mask: Kind(_text, _on_text(mask, "first", "last", "char", "hidden", "hide_length")),
        policy.Geohash: Kind(_text, _on_text(geohash, "precision")),
        policy.GroupThreshold: Kind(_nothing, _bind_nothing),  # see in_stream
        files.Hierarchy: Kind(_text, _on_text(hierarchy, "table", "other")),
        # Keys, subjects and days: the engine hands them over (transforms.deid.ciphers).
        **dict.fromkeys(keyed.Keyed.__subclasses__(), Kind(_text, _bind_nothing)),
    }
)
