"""What becomes due by month: the lines of a terminal and the picture, from one plan."""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.due_calendar import Line, calendars_of, to_text
from pipelines.due_picture import to_svg
from retention.plan import Cell, Limit, Plan, Share, make_plan

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "due_calendar"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def share(name: str, *cells: tuple[str, str, int]) -> Share:
    """Return what a plan says of a dataset with these cells: month, status, rows."""
    return Share(
        dataset=name,
        store="shop",
        table="t",
        role="record",
        retention="TXN",
        action="delete",
        rows=sum(rows for *_, rows in cells),
        cells=tuple(Cell(month=m, status=s, rows=n) for m, s, n in cells),
        units=(),
        seconds=0.1,
    )


def plan_of(*shares: Share, now: datetime = NOW, drill: bool = False) -> Plan:
    """Return a plan over shares."""
    digests = dict.fromkeys(("register", "policy", "holds", "endings"), "0")
    return make_plan(shares, now=now, wall=NOW, drill=drill, by="lin", digests=digests, limit=Limit())


ORDERS = share(
    "shop.orders",
    ("2024-03", "due", 40_000),
    ("2026-09", "due", 900),
    ("2026-10", "due", 1_200),
    ("2026-11", "due", 700),
    ("2026-11", "keep", 300),
    ("2026-11", "case", 150),
    ("2026-11", "done", 77),
    ("2027-01", "keep", 1_000),
    ("2027-02", "keep", 1_800),
    ("2027-02", "case", 1),
    ("2030-01", "keep", 9_000),
    ("2027-01", "open", 12),
    ("unknown", "RET_NO_CLOCK", 230),
)
PAGES = share("shop.pages", ("unknown", "keep", 50), ("2026-12", "keep", 2_500), ("unknown", "case", 3))
PLAN = plan_of(ORDERS, share("shop.empty"), PAGES)


def lines_by_label(plan: Plan) -> dict[str, tuple[int, int, int, int]]:
    """Return the counts of all datasets together, by label."""
    return {line.label: line.counts for line in calendars_of(plan)[0].lines}


def test_rows_stand_in_the_month_of_their_due_date_by_kind() -> None:
    """Due, coming and held by month; what is open or without a clock has no date; months between are there, empty."""
    assert lines_by_label(PLAN) == {
        "earlier": (40_000, 0, 0, 0),
        "2026-09": (900, 0, 0, 0),
        "2026-10": (1_200, 0, 0, 0),
        "2026-11": (700, 300, 150, 0),
        "2026-12": (0, 2_500, 0, 0),
        "2027-01": (0, 1_000, 0, 0),
        "2027-02": (0, 1_800, 1, 0),
        "later": (0, 9_000, 0, 0),
        "no date": (0, 0, 3, 242),
    }
    calendar = calendars_of(PLAN)[0]
    assert (calendar.longest, calendar.lasting) == (2_500, 50)
    assert sum(line.rows for line in calendar.lines) + calendar.lasting + 77 == ORDERS.rows + PAGES.rows


def test_every_dataset_with_rows_has_a_calendar_of_its_own() -> None:
    """They add up to the first one; a dataset without rows has none; each shows the months that it has rows in."""
    whole, *single = calendars_of(PLAN, each=True)
    assert [one.title for one in single] == ["shop.orders", "shop.pages"]
    for number, kind in enumerate(("due", "coming", "held", "unknown")):
        assert sum(one.total(kind) for one in single) == whole.total(kind) == sum(x.counts[number] for x in whole.lines)  # type: ignore[arg-type]
    assert [line.label for line in single[1].lines] == ["2026-11", "2026-12", "no date"]


def test_the_plans_month_is_the_plus_eight_one() -> None:
    """At 18:00 UTC on the last of a month it is the next month already."""
    plan = plan_of(ORDERS, now=datetime(2026, 10, 31, 18, tzinfo=UTC))
    assert calendars_of(plan)[0].month == "2026-11"


def test_a_plan_without_a_dated_row_has_no_months() -> None:
    """Nothing at all is no line; rows without a date are one line, drawn to the end and not cut."""
    assert to_text(calendars_of(plan_of(share("shop.empty")))[0]) == []
    (calendar,) = calendars_of(plan_of(share("shop.orders", ("unknown", "open", 5))))
    assert calendar.lines == (Line("no date", (0, 0, 0, 5)),)
    assert to_text(calendar)[-1].endswith("5  " + "?" * 40)
    (calendar,) = calendars_of(plan_of(share("shop.orders", ("unknown", "keep", 5))))
    assert calendar.lines == ()


def test_a_terminal_of_a_hundred_columns_and_no_colour_is_enough() -> None:
    """No line is wider, the widest kinds included, and each kind has a sign of its own."""
    mixed = ((f"2026-{m:02d}", s, 9_999_999) for m in range(6, 13) for s in ("due", "keep", "case"))
    text = to_text(calendars_of(plan_of(share("shop.orders", *mixed, ("unknown", "open", 1))))[0])
    assert max(len(line) for line in text) <= 100
    assert not any(unicodedata.category(sign) == "Cc" for line in text for sign in line)
    drawn = "".join(line[53:] for line in text[2:])
    assert {"█", "▒", "/", "?"} <= set(drawn)


def test_one_row_among_thousands_is_seen() -> None:
    """The held row of February has its sign and its bar."""
    february = next(line for line in to_text(calendars_of(PLAN)[0]) if "2027-02" in line)
    assert february.endswith("▒/")
    assert ET.fromstring(to_svg(PLAN)).findall(f"{SVG}rect[@class='held'][@width='2.0']")


@pytest.mark.parametrize("kind", ["txt", "svg"])
def test_the_calendar_is_drawn_as_it_was(kind: str) -> None:
    """The same plan gives the same bytes."""
    lines = [line for calendar in calendars_of(PLAN, each=True) for line in to_text(calendar)]
    drawn = to_svg(PLAN, each=True) if kind == "svg" else "\n".join(lines) + "\n"
    assert drawn == (GOLDEN / f"calendar.{kind}").read_text(encoding="utf-8")


def test_the_picture_stands_alone_and_can_be_read_aloud() -> None:
    """It has a title and a description, no script and nothing from elsewhere, a dark dress, and a texture a kind."""
    text = to_svg(PLAN)
    root = ET.fromstring(text)
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert "42,800 rows are due" in str(root.findtext(f"{SVG}desc"))
    assert root.get("role") == "img"
    assert not {"script", "image", "foreignObject", "a", "use"} & {
        element.tag.removeprefix(SVG) for element in root.iter()
    }
    assert text.count("http") == 1
    assert "prefers-color-scheme:dark" in text
    assert {"held", "unknown"} == {str(pattern.get("id")) for pattern in root.iter(f"{SVG}pattern")}
    assert "lin" not in [element.text for element in root.iter()]


def test_nothing_is_drawn_outside_of_the_page() -> None:
    """Bars that are cut end where the longest month ends; the last line is above the lower edge."""
    root = ET.fromstring(to_svg(PLAN, each=True))
    for rect in root.iter(f"{SVG}rect"):
        assert float(rect.get("x", 0)) + float(rect.get("width", 0)) <= 960
        assert float(rect.get("y", 0)) + float(rect.get("height", 0)) <= float(root.get("height", 0))


def test_a_picture_says_what_it_is_of() -> None:
    """A plan by its digest, a drill as such, a forecast as what deletes nothing, and an empty installation as empty."""
    assert f"plan {PLAN.digest[:16]}, made 2026-11-27<" in to_svg(PLAN)
    assert "a drill" in to_svg(plan_of(ORDERS, now=NOW - timedelta(days=400), drill=True))
    forecast = to_svg(plan_of(ORDERS, now=NOW + timedelta(days=30), drill=True))
    assert "seen from 2026-12-27" in forecast
    assert "a forecast, made 2026-11-27: nothing is deleted by it" in forecast
    assert ">no rows<" in to_svg(plan_of())
