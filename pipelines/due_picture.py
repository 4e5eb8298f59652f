"""The calendar of what becomes due as a picture: one SVG text from a plan. Pure; the same plan is the same bytes.

It stands alone: no script, no font or picture from elsewhere, nothing but dataset names, months and counts. Kinds
differ in texture as well as in colour, and a page that is shown in the dark turns dark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from governance.calendar import local_date
from governance.errors import counted
from pipelines.due_calendar import KINDS, LATER, NO_DATE, calendars_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.due_calendar import Calendar, Line
    from retention.plan import Plan

_PAGE, _EDGE = 960, 28
_NUMBERS = (190, 276, 362, 448)
"""Right ends of the four columns of numbers, in the order of the kinds."""
_BARS, _LENGTH = 466, 464
_ROW, _BAR, _HEAD, _TITLE = 22, 14, 92, 50
_ROLE = 'role="img" aria-labelledby="title desc"'
_STYLE = """\
text{font:13px system-ui,"DejaVu Sans",sans-serif;fill:#1f2328;font-variant-numeric:tabular-nums}
.page{fill:#ffffff}.soft{fill:#59636e}.line{stroke:#d1d9e0}.now{fill:#eef2f6}.cut{stroke:#ffffff}
.h1{font-size:22px;font-weight:600}.h2{font-size:15px;font-weight:600}.bold{font-weight:600}.end{text-anchor:end}
.due{fill:#b42318}.coming{fill:#9cc3e6;stroke:#2f6f9f}.held{fill:url(#held);stroke:#8a5a00}
.unknown{fill:url(#unknown);stroke:#6e7781}.ink-held{stroke:#8a5a00}.ink-unknown{fill:#6e7781}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117}.soft{fill:#9da7b1}.line{stroke:#30363d}
.now{fill:#1b2430}.cut{stroke:#0d1117}.due{fill:#ff7b6b}.coming{fill:#1f4f7a;stroke:#6cb6ff}.held{stroke:#e3b341}
.unknown{stroke:#9da7b1}.ink-held{stroke:#e3b341}.ink-unknown{fill:#9da7b1}}"""
_TEXTURES = (
    '<pattern id="held" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path class="ink-held" d="M0 0V6" stroke-width="4"/></pattern>'
    '<pattern id="unknown" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<circle class="ink-unknown" cx="3" cy="3" r="1.5"/></pattern>'
)


def to_svg(plan: Plan, *, each: bool = False) -> str:
    """Return the picture of a plan's calendar, with `each` a panel for every dataset that has rows too."""
    calendars = calendars_of(plan, each=each)
    body: list[str] = []
    y = _HEAD
    for calendar in calendars:
        body += _panel(calendar, y)
        y += _height(calendar)
    y += _EDGE
    day = local_date(plan.now).isoformat()
    head = f"What becomes due, seen from {day}"
    made = f"plan {plan.digest[:16]}, made {local_date(plan.created).isoformat()}"
    if plan.now > plan.created:
        made = f"a forecast, made {local_date(plan.created).isoformat()}: nothing is deleted by it"
    elif plan.drill:
        made += ", a drill"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_PAGE} {y}" width="{_PAGE}" height="{y}" {_ROLE}>',
            f'<title id="title">{escape(head)}</title>',
            f'<desc id="desc">{escape(_told(calendars[0]))}</desc>',
            f"<style>{_STYLE}</style>",
            f"<defs>{_TEXTURES}</defs>",
            f'<rect class="page" width="{_PAGE}" height="{y}"/>',
            _text(_EDGE, 42, head, "h1"),
            _text(_EDGE, 64, f"Rows by the month of their due date (+08:00); {made}", "soft"),
            *body,
            "</svg>\n",
        )
    )


def _told(calendar: Calendar) -> str:
    """Say in words what the picture shows, for who cannot see it."""
    totals = {kind: f"{calendar.total(kind):,}" for kind in KINDS}
    return (
        f"In all datasets {totals['due']} rows are due, {totals['coming']} will be, {totals['held']} are held by a "
        f"case, and of {totals['unknown']} the day is unknown."
    )


def _height(calendar: Calendar) -> int:
    return _TITLE + _ROW + _ROW * (len(calendar.lines) + bool(calendar.lasting) + (not calendar.lines))


def _panel(calendar: Calendar, top: int) -> Iterator[str]:
    yield _text(_EDGE, top + 16, calendar.title, "h2")
    for kind, end in zip(KINDS, _NUMBERS, strict=True):
        yield f'<rect class="{kind}" x="{end - 11}" y="{top + 30}" width="11" height="11"/>'
        yield _text(end - 16, top + 41, kind, "soft end")
    y = top + _TITLE
    for line in calendar.lines:
        if line.label == calendar.month:
            yield f'<rect class="now" x="{_EDGE - 8}" y="{y}" width="{_PAGE - 2 * _EDGE + 16}" height="{_ROW}"/>'
        if line.label.endswith("-01") or line.label in {LATER, NO_DATE}:
            yield f'<path class="line" d="M{_EDGE} {y}H{_PAGE - _EDGE}"/>'
        yield from _row(line, calendar, y)
        y += _ROW
    if calendar.lasting:
        told = f"{counted(calendar.lasting, 'row has', 'rows have')} no day: they last as long as what they belong to"
        yield _text(_EDGE, y + 16, told, "soft")
    if not calendar.lines:
        yield _text(_EDGE, y + 16, "no rows", "soft")


def _row(line: Line, calendar: Calendar, y: int) -> Iterator[str]:
    now = line.label == calendar.month
    yield _text(_EDGE, y + 16, f"{line.label} ◂" if now else line.label, "bold" if now else "")
    for number, end in zip(line.counts, _NUMBERS, strict=True):
        yield _text(end, y + 16, f"{number:,}" if number else "·", "end" if number else "soft end")
    x = float(_BARS)
    whole = max(calendar.longest, line.rows)
    for kind, number in zip(KINDS, line.counts, strict=True):
        if number:
            length = max(2.0, _LENGTH * number / whole)
            yield f'<rect class="{kind}" x="{x:.1f}" y="{y + 4}" width="{length:.1f}" height="{_BAR}"/>'
            x += length
    if line.rows > calendar.longest:  # longer than the page: two cuts through its middle
        middle = _BARS + _LENGTH // 2
        cuts = "".join(f"M{middle + right} {y + 21}L{middle + right + 8} {y + 1}" for right in (0, 10))
        yield f'<path class="cut" d="{cuts}" stroke-width="3"/>'


def _text(x: int, y: int, words: str, kind: str) -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x}" y="{y}">{escape(words)}</text>'
