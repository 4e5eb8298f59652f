"""Every row of the inventory, for each audience and for export, has a treatment that works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from governance.keys.tokens import TokenKey
from governance.policy import STREAMS, Row, keyed
from governance.policy import treatments as policy
from governance.policy.exporting import export_treatment
from tests.transforms.deid.chain import CATALOGUE, EVERYBODY, NOBODY, Chain
from tests.transforms.deid.conftest import WALL
from tests.transforms.deid.treatments.keys import key
from transforms.deid.gate import TRACKING
from transforms.deid.plan import for_audience
from transforms.deid.treatments.keyed import Beside, bind_keyed
from transforms.deid.treatments.registry import Context, bind, columns_of

if TYPE_CHECKING:
    from governance.keys import Keyring
    from governance.policy.treatments import Treatment

INSTANT, AGENT = "2026-10-01T13:45:00+08:00", "Mozilla/5.0 (Windows NT 10.0) Chrome/99.0"
GOOD = {
    "keep": ["click", "zh-CN", "1", "true", "www.example.com", "GET", "paid", "shipped"],
    "truncate_ip": ["83.149.9.216"],
    "url_path": ["https://www.example.com/product/list.html?sid=13800138000"],
    "user_agent": [AGENT],
    "device_brand": ["Huawei P30"],
    "major_version": ["17.4.1"],
    "bucket": ["12.7"],
    "city": ["32.06,118.79"],
    "hour": [INSTANT],
    "date_part": [INSTANT],
    "code_only": ["E42: failed"],
    "free_text": ["call 13800138000 now"],
}
HOSTILE = [
    "13800138000",
    "11010519491231002X",
    "li.wei@example.cn",
    "please call Li Wei at 13800138000",
    "6222021234567890128",
    "a" * 5000,
    "",
    "\0",
    None,
]
IDENTIFIERS = ("13800138", "19491231", "li.wei", "622202")
ROWS = [
    pytest.param(row, audience, id=f"{row.field}-{audience}")
    for row in CATALOGUE.inventory.values()
    for audience in policy.AUDIENCES
]
EVERY = [pytest.param(row, id=row.field) for row in CATALOGUE.inventory.values()]
SITES = [
    pytest.param(stream, system, audience, id=f"{stream}-{system}-{audience}")
    for stream in STREAMS
    for system in sorted(CATALOGUE.systems)
    for audience in policy.AUDIENCES
]


def treated(treatment: Treatment, row: Row, values: pa.Array) -> dict[str, pa.Array]:
    """Return the columns that the engine would make of a row's values."""
    names = [column.name for column in columns_of(treatment, row)]
    if isinstance(treatment, policy.Pseudonymize):
        tokens = TokenKey(bytes(32), row.token_kind or row.field, "2026H2").tokens(values.to_pylist())
        return dict(zip(names, [pa.array(tokens, pa.string())], strict=True))
    if isinstance(treatment, keyed.Keyed):
        beside = Beside(["li"] * len(values), ["2026-11-22"] * len(values))
        return dict(zip(names, [bind_keyed(treatment, row).treat(values, key(), beside)], strict=True))
    return dict(zip(names, bind(treatment, Context(row))(values), strict=True))


def good(treatment: Treatment, row: Row) -> pa.Array:
    """Return values that such a field really has."""
    if row.type == "bool":
        return pa.array([True, False])
    if row.type != "text":
        return pa.array([200], pa.int64())
    return pa.array(GOOD.get(treatment.do, ["steel pipes"]))


def one_good(treatment: Treatment, row: Row) -> Any:
    """Return a value that such a field really has, and that `keep` keeps."""
    values = good(treatment, row).to_pylist()
    if not isinstance(treatment, policy.Keep) or row.type != "text":
        return values[0]
    kept = treated(treatment, row, pa.array([*treatment.values, *values]))[row.field].to_pylist()
    return next(value for value in kept if value != "other")


def forms(row: Row) -> list[Treatment]:
    """Return every treatment of a row that is in use: the inventory's, the packs', those of export."""
    own = [row.treatment(audience) for audience in policy.AUDIENCES]
    packs = [pack.treatment(row, audience) for pack in CATALOGUE.packs for audience in policy.AUDIENCES]
    return list(dict.fromkeys([*own, *packs, *(export_treatment(pack, row) for pack in CATALOGUE.packs)]))


@pytest.mark.parametrize(("row", "audience"), ROWS)
def test_a_row_has_a_working_treatment(row: Row, audience: policy.Audience) -> None:
    """What is destroyed makes no column; all else makes its columns, of the promised types, not empty."""
    treatment = row.treatment(audience)
    columns = columns_of(treatment, row)
    if isinstance(treatment, policy.Suppress | policy.Reject):
        assert columns == ()
    else:
        made = treated(treatment, row, good(treatment, row))
        assert [column.type for column in made.values()] == [column.type for column in columns]
        assert any(column.null_count < len(column) for column in made.values())
        assert all(len(column) == len(good(treatment, row)) for column in made.values())
    assert row.sensitivity not in ("K", "X") or isinstance(treatment, policy.Reject)
    assert row.sensitivity != "S" or columns_of(for_audience(row, treatment, audience), row) == ()


@pytest.mark.parametrize("row", EVERY)
def test_a_row_leaves_in_its_export_form(row: Row) -> None:
    """`gate` is the analytics form; `agg` and `no` make no column row by row (R-EXP-05, R-SHARE-07)."""
    for pack in CATALOGUE.packs:
        form = export_treatment(pack, row)
        named = row.field in pack.names and not isinstance(row.analytics, policy.Suppress)
        if row.export == "gate" and named:
            assert form == pack.treatment(row, "anonymous")
            made = treated(form, row, good(form, row))
            assert [column.type for column in made.values()] == [column.type for column in columns_of(form, row)]
            assert any(column.null_count < len(column) for column in made.values())
        else:
            assert columns_of(form, row) == ()


@pytest.mark.parametrize("row", EVERY)
def test_no_form_of_a_row_holds_the_raw_value(row: Row) -> None:
    """What such a field really says is gone from every form, for analysts and for export, unless `keep` lets it by."""
    for form in forms(row):
        if isinstance(form, policy.Keep):
            continue
        raw = good(form, row).to_pylist()
        for column in treated(form, row, good(form, row)).values():
            for value in column.to_pylist():
                assert value is None or isinstance(value, int) or not any(str(one) in value for one in raw)


@pytest.mark.parametrize(
    "row", [one for one in EVERY if isinstance(one.values[0], Row) and one.values[0].type == "text"]
)
def test_a_row_gives_nothing_away(row: Row) -> None:
    """Whatever identifier stands in a field, no column of any form shows it; of a redacted text words may stay."""
    for form in forms(row):
        words = () if isinstance(form, policy.FreeText) else ("Li Wei", "aaaaa")
        for column in treated(form, row, pa.array(HOSTILE, pa.string())).values():
            for value in column.to_pylist():
                if isinstance(value, str):
                    assert not any(part in value for part in (*IDENTIFIERS, *words))


@pytest.mark.parametrize(("stream", "system", "audience"), SITES)
def test_the_engine_treats_every_row_of_a_site(
    keyring: Keyring, stream: str, system: str, audience: policy.Audience
) -> None:
    """An event with a value in each field that the site names has every column that its plan promises, none empty."""
    pack = CATALOGUE.pack_at(system, WALL)
    assert pack is not None
    named = [row for row in CATALOGUE.stream_fields(stream) if row.field in pack.names]
    treatments = {row: pack.treatment(row, audience) for row in named}
    fields = {row.field: one_good(form, row) for row, form in treatments.items() if not isinstance(form, policy.Reject)}
    event = {
        "event_id": "e1",
        "system": system,
        "event_type": min(CATALOGUE.event_types(stream) & pack.names - TRACKING),
        "event_time": "2026-11-22T12:00:00+08:00",
        "subject": {"account": "u7"},
        "fields": fields,
        "meta": {"source": "own"},
    }
    batch = Chain(keyring, WALL, stream).run([event], EVERYBODY if audience == "personal" else NOBODY)
    (row,) = batch.outputs[audience].to_pylist()
    for field, treatment in treatments.items():
        for column in columns_of(for_audience(field, treatment, audience), field):
            wordless = isinstance(treatment, policy.FreeText) and treatment.words == "drop"
            assert (row[column.name] is not None) or (wordless and column.name == field.field)
            if not isinstance(treatment, policy.Keep):
                assert row[column.name] != fields[field.field] or fields[field.field] is True
