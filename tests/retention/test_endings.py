"""Endings: whose rows they make due, and that neither a floor nor a hold ever gives way to them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.calendar import local_date
from governance.errors import UsageError
from governance.ledger import Ledger
from governance.policy.rows import Retention
from retention.datasets import Clock, Dataset
from retention.endings import SCOPES, Ending, Endings, digest, in_dataset
from retention.holds import Hold
from retention.judging import Judge
from retention.rules import FLOOR_MONTHS, Status, Term, Why, due_dates, judge
from retention.sweeps import endings_at, list_ending, withdraw_ending
from retention.witness.ended import ended_on

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 6, 1, tzinfo=UTC)
UNTIL = datetime(2026, 5, 10, 4, tzinfo=UTC)
CLASSES = st.sampled_from([c for c in get_args(Retention) if c != "NONE"])
ROLES = st.sampled_from(["record", "copy", "aggregate"])
DAYS = st.dates(date(2020, 1, 1), date(2027, 1, 1))
LATER = st.timedeltas(timedelta(0), timedelta(9999))


def dataset(**changes: Any) -> Dataset:
    """Return a copy of a shop's log, with its clock and a column of searches."""
    fields: dict[str, Any] = {
        "id": "shop.log", "store": "shop", "table": "log", "system": "sepp", "role": "copy", "retention": "LOG",
        "zone": "+08:00", "clock": Clock(columns=("at",), ended="removed"), "subject": "who", "searches": ("query",),
    }  # fmt: skip
    return Dataset(**{**fields, **changes})


def ending(scope: str = "account", until: datetime = UNTIL, name: str = "shop.log", who: str = "u1") -> Ending:
    """Return an ending."""
    return Ending("n1", scope, name, until, frozenset({who}))  # type: ignore[arg-type]


def verdicts(of: Dataset, rows: list[tuple[str, str | None, str | None]], *endings: Ending, **more: Any) -> list[str]:
    """Judge rows of (who, at, query); return their words."""
    who, at, query = zip(*rows, strict=True)
    table = pa.table(
        {"who": who, "at": pa.array(at, pa.string()), "query": pa.array(query, pa.string()),
         "removed": pa.nulls(len(rows), pa.string()), "system": ["sepp"] * len(rows)}
    )  # fmt: skip
    found = Judge(of, more.pop("now", NOW), endings=in_dataset(endings, of), **more)(table)
    return [Why(why).name if status == Status.HOLD else Status(status).name
            for status, why in zip(found.status, found.why, strict=True)]  # fmt: skip


def test_what_is_of_a_later_day_stays_and_what_is_of_the_endings_own_day_goes() -> None:
    """10 May +08:00 goes whole, 11 May stays; somebody else's rows and empty subjects are not touched."""
    rows = [("u1", "2026-05-09", None), ("u1", "2026-05-10T23:59:00+08:00", None), ("u1", "2026-05-11", None),
            ("u2", "2026-05-09", None)]  # fmt: skip
    assert verdicts(dataset(), rows, ending()) == ["DUE", "DUE", "KEEP", "KEEP"]


def test_what_is_of_today_goes_tomorrow() -> None:
    """A table that is being written has no plan that lasts; and before its own day an ending takes nothing."""
    rows = [("u1", "2026-06-01", None)]
    today = ending(until=datetime(2026, 6, 1, 3, tzinfo=UTC))
    assert verdicts(dataset(), rows, today, now=datetime(2026, 6, 1, 8, tzinfo=UTC)) == ["KEEP"]
    assert verdicts(dataset(), rows, today, now=datetime(2026, 6, 1, 16, tzinfo=UTC)) == ["DUE"]
    assert verdicts(dataset(), [("u1", "2026-05-01", None)], ending(), now=datetime(2026, 5, 9, tzinfo=UTC)) == ["KEEP"]


def test_a_listed_row_of_no_known_day_is_held_and_named() -> None:
    """Nobody knows whether it is of before or after: RET_NO_CLOCK, not deleted."""
    content = dataset(role="record", retention="CONTENT", clock=Clock(ended="removed"))
    assert verdicts(content, [("u1", None, None), ("u2", None, None)], ending()) == ["NO_CLOCK", "KEEP"]
    dated = dataset(role="record", retention="CONTENT", clock=Clock(columns=("at",), ended="removed"))
    assert verdicts(dated, [("u1", "2026-05-01", None)], ending()) == ["DUE"]


@pytest.mark.parametrize(
    ("scope", "role", "retention", "touched"),
    [
        ("account", "copy", "TXN", True),
        ("account", "record", "PROFILE", True),
        ("account", "record", "PRIZE", False),
        ("account", "record", "TXN", False),
        ("account", "record", "LOG", False),
        ("orders", "copy", "TXN", True),
        ("orders", "aggregate", "TXN", True),
        ("orders", "record", "TXN", False),
        ("orders", "copy", "LOG", False),
        ("searches", "copy", "LOG", True),
        ("searches", "record", "LOG", False),
        ("service", "record", "PRIZE", True),
        ("service", "record", "GOV", False),
    ],
)
def test_each_scope_touches_what_the_requirement_names(scope: str, role: str, retention: str, *, touched: bool) -> None:
    """R-CANC-01, R-RET-09, R-STOP-01: records with a floor are in none of them."""
    assert ending(scope, who="sepp").touches(dataset(role=role, retention=retention)) is touched


def test_nobody_is_found_without_a_subject_and_searches_need_a_search() -> None:
    """Tables without a subject are touched by a service's end only; a row without a query is no search."""
    assert not ending().touches(dataset(subject=None))
    assert not ending(name="shop.other").touches(dataset())
    assert not ending("searches").touches(dataset(searches=()))
    rows = [("u1", "2026-05-01", "umbrella"), ("u1", "2026-05-01", None)]
    assert verdicts(dataset(), rows, ending("searches")) == ["DUE", "KEEP"]


def test_a_service_is_told_by_its_dataset_or_by_a_column() -> None:
    """R-STOP-01: all rows of the system, whoever they are of."""
    stopped, rows = ending("service", name="*", who="sepp"), [("u1", "2026-05-01", None), ("u9", "2026-05-11", None)]
    assert verdicts(dataset(), rows, stopped) == ["DUE", "KEEP"]
    mixed = dataset(system="all", systems="system", subject=None)
    assert verdicts(mixed, rows, stopped) == ["DUE", "KEEP"]
    assert verdicts(mixed, rows, ending("service", name="*", who="mic_global")) == ["KEEP", "KEEP"]
    assert not ending("service", name="*", who="mic_global").touches(dataset())


def test_people_of_any_database_count_only_where_they_can_be_named() -> None:
    """Values under "*" are keyed: without the key nobody is taken for somebody else."""
    listed = ending(name="*", who="<u1>")
    assert in_dataset([listed], dataset()).listed == ()
    named = in_dataset([listed], dataset(), lambda system, account: f"<{account}>" if system == "sepp" else "")
    table = pa.table({"who": ["u1", "u2"], "at": ["2026-05-01"] * 2, "removed": pa.nulls(2, pa.string())})
    assert Judge(dataset(), NOW, endings=named)(table).status.tolist() == [Status.DUE, Status.KEEP]


def test_an_account_of_a_table_of_several_systems_is_one_of_its_rows_own_system() -> None:
    """Whoever has the same name in another system, or in none that is known, ended nothing; the witness says so too."""
    of = dataset(system="sepp", systems="system")
    mine = in_dataset([ending(name="*", who="sepp/u1")], of, lambda system, account: f"{system}/{account}")
    assert set(mine.columns(of)) == {"who", "system"}
    rows = [("u1", "sepp"), ("u1", "mic_global"), ("u2", "sepp"), ("u1", None), (None, "sepp"), ("u1", "sepp")]
    columns = enumerate(("who", "system"))
    table = pa.table({name: pa.array([row[n] for row in rows], pa.string()) for n, name in columns})
    on, today = date(2026, 5, 1), date(2026, 6, 1)
    due, _ = mine.due(of, table, days(*[on] * len(rows)), np.datetime64(today, "D"))
    last = local_date(UNTIL)
    assert due.astype(object).tolist() == [last, None, None, None, None, last]
    assert [ended_on(of, row, mine, on, today) for row in table.to_pylist()] == due.astype(object).tolist()
    empty = table.slice(0, 0)
    assert mine.due(of, empty, days(), np.datetime64(today, "D"))[0].tolist() == []


def test_subjects_as_bytes_are_named_by_their_hexadecimal() -> None:
    """Probes lie as bytes in the lake, of fixed size or not."""
    for kind in (pa.binary(), pa.binary(2)):
        table = pa.table({"who": pa.array([b"\x01\x02", b"\x01\x03", None], kind)})
        on = np.array(["2026-05-01"] * 3, "datetime64[D]")
        plain = dataset(searches=())
        due, undated = Endings((ending(who="0102"),)).due(plain, table, on, np.datetime64("2026-06-01"))
        assert np.isnat(due).tolist() == [False, True, True]
        assert not undated.any()


def test_the_ledgers_list_is_read_as_it_was_and_mistakes_are_withdrawn(tmp_path: Path) -> None:
    """At an instant, what was listed then; a number that lists nothing is refused; no value in a repr."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    before = datetime.now(tz=UTC)
    list_ending(ledger, ending(), by="lin", wall=before + timedelta(seconds=1))
    assert endings_at(ledger) == [ending()]
    assert endings_at(ledger, before) == []
    assert digest(endings_at(ledger)) != digest([]) != digest([ending(who="u2")])
    assert "u1" not in repr(ending())
    withdraw_ending(ledger, "n1", by="lin", wall=before + timedelta(seconds=2))
    assert endings_at(ledger) == []
    assert endings_at(ledger, before + timedelta(seconds=1)) == [ending()]
    with pytest.raises(UsageError, match="nothing is listed"):
        withdraw_ending(ledger, "n1", by="lin", wall=before + timedelta(seconds=3))


def test_an_ending_counts_until_its_own_record_is_due(tmp_path: Path) -> None:
    """Three years after it was listed it is judged by no longer, and so the sweep that forgets it is not disturbed."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    list_ending(ledger, ending(), by="lin", wall=datetime(2022, 5, 10, 12, tzinfo=UTC))
    assert endings_at(ledger, datetime(2025, 5, 10, 15, tzinfo=UTC)) == [ending()]  # still 10 May in +08:00
    assert endings_at(ledger, datetime(2025, 5, 10, 16, tzinfo=UTC)) == []


def days(*values: date | None) -> np.ndarray:
    """Return datetime64[D]; None is unknown."""
    return np.array(values, dtype="datetime64[D]")


ROW = st.tuples(st.none() | DAYS, st.none() | DAYS, st.booleans(), st.booleans())


@given(CLASSES, ROLES, st.lists(ROW, min_size=1, max_size=20), LATER)
def test_a_hold_always_beats_an_ending(
    retention: Retention, role: str, rows: list[tuple[date | None, date | None, bool, bool]], later: timedelta
) -> None:
    """Whatever is listed, a held row is HOLD for its case."""
    start, listed = days(*(r[0] for r in rows)), days(*(r[1] for r in rows))
    undated, held = (np.array([r[place] for r in rows]) for place in (2, 3))
    term = Term(retention, role)  # type: ignore[arg-type]
    found = judge(term, start, NOW + later, listed=listed, undated=undated, held=held)
    assert (found.status[held] == Status.HOLD).all()
    assert (found.why[held] == Why.CASE).all()


@given(CLASSES, ROLES, st.lists(ROW, min_size=1, max_size=20), LATER)
def test_an_ending_never_makes_a_record_under_its_floor_due(
    retention: Retention, role: str, rows: list[tuple[date | None, date | None, bool, bool]], later: timedelta
) -> None:
    """With a floor the verdict is what it was; without, an ending only ever makes due earlier, or holds the unknown."""
    start, listed = days(*(r[0] for r in rows)), days(*(r[1] for r in rows))
    undated, term = np.array([r[2] for r in rows]), Term(retention, role)  # type: ignore[arg-type]
    without = judge(term, start, NOW + later)
    found = judge(term, start, NOW + later, listed=listed, undated=undated)
    if role == "record" and retention in FLOOR_MONTHS:
        assert (found.status == without.status).all()
        floor = due_dates(start, months=FLOOR_MONTHS[retention])
        assert not (found.is_status(Status.DUE) & (floor > np.datetime64(local_date(NOW + later), "D"))).any()
    assert (found.status[without.status == Status.DUE] == Status.DUE).all()
    changed = found.status != without.status
    assert (~np.isnat(listed[changed]) | undated[changed]).all()


@given(CLASSES, ROLES, st.lists(ROW, min_size=1, max_size=20), LATER, LATER)
def test_time_only_ever_makes_more_of_what_is_listed_due(
    retention: Retention,
    role: str,
    rows: list[tuple[date | None, date | None, bool, bool]],
    first: timedelta,
    later: timedelta,
) -> None:
    """Monotone in `now`: what is due by an ending stays due."""
    start, listed = days(*(r[0] for r in rows)), days(*(r[1] for r in rows))
    undated, term = np.array([r[2] for r in rows]), Term(retention, role)  # type: ignore[arg-type]
    early, late = (judge(term, start, NOW + one, listed=listed, undated=undated) for one in (first, first + later))
    assert (late.status[early.status == Status.DUE] == Status.DUE).all()


@given(
    CLASSES,
    ROLES,
    st.lists(st.tuples(st.sampled_from(["u1", "u2", None]), st.none() | DAYS, st.none() | st.just("x")), min_size=1),
    st.lists(st.tuples(st.sampled_from(SCOPES), DAYS), max_size=3),
)
def test_columns_and_witness_agree(
    retention: Retention,
    role: str,
    rows: list[tuple[str | None, date | None, str | None]],
    listed: list[tuple[str, date]],
) -> None:
    """Two readings of the list come to the same day for every row."""
    of = dataset(role=role, retention=retention)
    endings = [
        ending(scope, datetime(on.year, on.month, on.day, 4, tzinfo=UTC), who="sepp" if scope == "service" else "u1")
        for scope, on in listed
    ]
    mine = in_dataset(endings, of)
    table = pa.table({name: pa.array([r[n] for r in rows], pa.string()) for name, n in (("who", 0), ("query", 2))})
    due, _ = mine.due(of, table, days(*(r[1] for r in rows)), np.datetime64("2026-06-01"))
    theirs = [ended_on(of, {"who": who, "query": query}, mine, on, date(2026, 6, 1)) for who, on, query in rows]
    assert due.astype(object).tolist() == theirs


def test_a_hold_in_a_judge_beats_an_ending() -> None:
    """The same through a dataset's own columns."""
    hold = Hold("c", "shop.log", "subject", frozenset({"u1"}))
    assert verdicts(dataset(), [("u1", "2026-05-01", None)], ending(), holds=(hold,)) == ["CASE"]
