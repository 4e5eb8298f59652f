"""`ebb sweep`: plan, show, approve, apply, verify, certificate, list, demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.errors import EbbError, UsageError, counted
from pipelines.options import common, emit_json, tell_next

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipelines.sweep_room import Room
    from retention.plan import Plan
    from retention.sweeps import Sweep

BY = click.option("--by", envvar="EBB_BY", help="Who does it; by default the user of this machine.")
REGISTER = click.option(
    "--datasets", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Register; HOME/datasets.yaml."
)
LAKE = click.option("--lake", help="URI of the lake; by default HOME/lake.")

_MOST_DIGITS = 4


@click.group()
def sweep() -> None:
    """Delete or anonymize what is past its time: plan, approve, apply, verify, certify."""


def room_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that open the retention room."""
    return LAKE(REGISTER(common(command)))


def open_room(
    home: Path, packs: Path | None, lake: str | None, datasets: Path | None, *, reading: bool = False
) -> Room:
    """Open the room that the options name; UsageError for a home that is not there, where all would seem well."""
    from pipelines.settings import load_settings, require_home
    from pipelines.sweep_room import Room

    settings = load_settings(home=home, packs=packs, lake=lake, datasets=datasets)
    require_home(settings, settings.ledger_url)
    return Room(settings, reading=reading)


def user(by: str | None) -> str:
    """Return who acts; UsageError for a name that is blank or no line of text."""
    import getpass

    from governance.actors import require_name

    return require_name(getpass.getuser() if by is None else by)


@sweep.command("plan", epilog="Example: ebb sweep plan --limit-share 0.5")
@click.option("--now", metavar="INSTANT", help="Judge by this instant: a drill, or a forecast that cannot be applied.")
@click.option("--due-within", metavar="DAYS", help="Forecast what will be due in so many days, such as 30d.")
@click.option("--dataset", "only", multiple=True, help="Only this dataset; can be repeated.")
@click.option("--limit-share", type=click.FloatRange(0, 1, min_open=True), default=0.25, show_default=True)
@click.option("--limit-rows", type=click.IntRange(0), help="Most rows that the sweep may take.")
@click.option(
    "--presume-closed", is_flag=True, help="Count rows without a clock from their last change, after twelve months."
)
@click.option("--each", is_flag=True, help="Show the months of every dataset too, not only of all together.")
@click.option(
    "--calendar",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.svg",
    help="Draw what becomes due by month into this file.",
)
@BY
@room_options
def plan(  # noqa: PLR0917 - click passes them by name
    home: Path,
    packs: Path | None,
    as_json: bool,
    lake: str | None,
    datasets: Path | None,
    now: str | None,
    due_within: str | None,
    only: tuple[str, ...],
    limit_share: float,
    limit_rows: int | None,
    presume_closed: bool,
    each: bool,
    calendar: Path | None,
    by: str | None,
) -> None:
    """Say what is due, in counts; nothing is deleted. The answer's digest is what gets approved.

    Exit code 1 when rows are overdue by more than thirty days.
    """
    from datetime import timedelta

    from pipelines.clock import parse_instant
    from pipelines.settings import wall_clock
    from pipelines.sweep_pages import plan_document, show_plan
    from pipelines.sweeping import plan_sweep
    from retention.plan import Limit

    instant = parse_instant(now)
    if due_within is not None:
        if instant is not None:
            raise UsageError("--now or --due-within, one of them")
        instant = wall_clock() + timedelta(days=_days(due_within))
    forecast = due_within is not None or (instant is not None and instant > wall_clock())
    room = open_room(home, packs, lake, datasets, reading=forecast)
    limit = Limit(rows=limit_rows, share=limit_share)
    made = plan_sweep(
        room, now=instant, by=user(by), limit=limit, only=only, record=not forecast, presume=presume_closed
    )
    overdue = [] if made.drill else made.overdue(made.now)
    if as_json:
        emit_json({**plan_document(made), "forecast": forecast, "overdue": [share.dataset for share in overdue]})
    else:
        show_plan(made, forecast=forecast, each=each)
    if calendar is not None:
        _draw(made, calendar, each=each)
    if overdue:
        names = ", ".join(f"{share.dataset} (since {share.oldest_due})" for share in overdue)
        raise EbbError(f"OVERDUE by more than 30 days: {names}")


@sweep.command("show", epilog="Example: ebb sweep show 3f2a91c04be7")
@click.argument("digest")
@room_options
def show(home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None, digest: str) -> None:  # noqa: PLR0917
    """Show a plan and what became of it."""
    from pipelines.sweep_pages import plan_document, show_plan, sweep_document
    from retention.sweeps import find_sweep

    found = find_sweep(open_room(home, packs, lake, datasets, reading=True).ledger, digest)
    if as_json:
        emit_json({**plan_document(found.plan), **sweep_document(found)})
        return
    show_plan(found.plan, advise=found.state == "planned")
    click.echo(f"State: {found.state}; approved by {', '.join(found.approvals) or 'nobody'}.")


@sweep.command("approve", epilog="Example: ebb sweep approve 3f2a91c04be7 --by lin")
@click.argument("digest")
@BY
@room_options
def approve(  # noqa: PLR0917
    home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None, digest: str, by: str | None
) -> None:
    """Approve exactly the plan with this digest."""
    from pipelines.sweep_pages import sweep_document
    from pipelines.sweeping import approve_sweep

    found = approve_sweep(open_room(home, packs, lake, datasets), digest, user(by))
    if as_json:
        emit_json(sweep_document(found))
        return
    click.echo(f"Approved by {found.approvals[-1]}: {counted(found.plan.due, 'row')}.")
    tell_next(f"ebb sweep apply {found.digest[:16]}")


@sweep.command(
    "apply", context_settings={"ignore_unknown_options": True}, epilog="Example: ebb sweep apply 3f2a91c04be7"
)
@click.argument("digest")
@click.option("--now", metavar="INSTANT", help="Only to be refused: a plan is judged by its own instant.")
@click.option("--runner", default="embedded", show_default=True, help="embedded, or a runner that Beam knows.")
@click.argument("beam_options", nargs=-1, type=click.UNPROCESSED)
@room_options
def apply(  # noqa: PLR0917
    home: Path,
    packs: Path | None,
    as_json: bool,
    lake: str | None,
    datasets: Path | None,
    digest: str,
    now: str | None,
    runner: str,
    beam_options: tuple[str, ...],
) -> None:
    """Do what the approved plan says. Interrupted, run it again: it goes on where it stopped."""
    from governance.errors import RefusedError
    from pipelines.clock import parse_instant
    from pipelines.logs import set_up_logs
    from pipelines.settings import wall_clock
    from pipelines.sweep_pages import sweep_document, watching
    from pipelines.sweep_room import RoomOpener
    from pipelines.sweeping import apply_sweep

    instant = parse_instant(now)
    if instant is not None and instant > wall_clock():
        raise RefusedError("--now is later than this machine's clock: nothing is deleted before its time")
    if instant is not None:
        raise UsageError("a plan is judged by its own instant: give --now to `ebb sweep plan`")
    set_up_logs()
    if beam_options:
        from pipelines.engines import check_options

        check_options(beam_options, "ebb sweep apply")
    room = open_room(home, packs, lake, datasets)

    def work_off(found: Sweep, pending: Sequence[Any]) -> None:
        from pipelines.retention_sweep import sweep_units

        with watching(room.ledger, found):
            sweep_units(pending, found.plan, RoomOpener(room.settings, room.ledger.ticket), runner, beam_options)

    done = apply_sweep(room, digest, work_off)
    if as_json:
        emit_json(sweep_document(done))
        return
    document = sweep_document(done)
    for line in document["datasets"]:
        click.echo(f"{line['dataset']}: {counted(line['rows'], 'row')} {line['done']}" + _extras(line))
    tell_next(f"ebb sweep verify {done.digest[:16]}")


@sweep.command("verify", epilog="Example: ebb sweep verify 3f2a91c04be7")
@click.argument("digest")
@room_options
def verify(home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None, digest: str) -> None:  # noqa: PLR0917
    """Read everything again, and compare with the plan.

    Every file and row, with other code. Exit code 1 on any difference.
    """
    from pipelines.sweeping import verify_sweep

    report = verify_sweep(open_room(home, packs, lake, datasets), digest)
    if as_json:
        emit_json(report)
    else:
        for found in report["datasets"]:
            verdict = "; ".join(found["wrong"]) or "as planned"
            done = "anonymized" if found["removed"] and found["expected"] == found["before"] else "gone"
            counts = f"{found['before']:,} before, {found['removed']:,} {done}, {found['after']:,} there"
            click.echo(f"{found['dataset']}: {counts}{_extras({**found, 'children': 0})}: {verdict}")
    if not report["ok"]:
        raise EbbError("what is there is not what was planned: look at the lines above before anything else is deleted")


@sweep.command("certificate", epilog="Example: ebb sweep certificate 3f2a91c04be7 --to certificate.json")
@click.argument("digest", required=False)
@click.option(
    "--to", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write it here, and a .md beside it."
)
@click.option(
    "--check", "checked", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Validate a file."
)
@click.option("--public-key", metavar="HEX", help="With --check: who must have signed; by default this installation.")
@room_options
def certificate(  # noqa: PLR0917
    home: Path,
    packs: Path | None,
    as_json: bool,
    lake: str | None,
    datasets: Path | None,
    digest: str | None,
    target: Path | None,
    checked: Path | None,
    public_key: str | None,
) -> None:
    """Print a verified sweep's certificate, or validate one."""
    import json

    from pipelines.sweeping import certify_sweep
    from retention.certificate import to_page

    room = open_room(home, packs, lake, datasets)
    if checked is not None:
        _check(room, checked, public_key, as_json=as_json)
        return
    if digest is None:
        raise UsageError("give the plan's digest, or --check FILE")
    signed = certify_sweep(room, digest)
    text = json.dumps(signed, ensure_ascii=False, indent=2)
    if target is not None:
        target.write_text(text + "\n", encoding="utf-8")
        target.with_suffix(".md").write_text(to_page(signed), encoding="utf-8")
        click.echo(f"Wrote {target} and {target.with_suffix('.md')}.")
    else:
        click.echo(text if as_json else to_page(signed))


@sweep.command("list", epilog="Example: ebb sweep list --json")
@room_options
def list_all(home: Path, packs: Path | None, as_json: bool, lake: str | None, datasets: Path | None) -> None:
    """List every sweep and where it stands."""
    from pipelines.sweep_pages import sweep_document
    from pipelines.tables import print_table
    from retention.sweeps import list_sweeps

    found = list_sweeps(open_room(home, packs, lake, datasets, reading=True).ledger)
    if as_json:
        emit_json({"sweeps": [sweep_document(one) for one in found]})
    elif not found:
        click.echo("No sweeps yet: `ebb sweep plan` makes the first plan.")
    else:
        rows = [
            (s.digest[:16], f"{s.plan.created:%Y-%m-%d %H:%M}", s.plan.by, f"{s.plan.due:,}", s.state) for s in found
        ]
        print_table(("plan", "made", "by", "rows", "state"), rows)


@sweep.command("demo", epilog="Example: ebb sweep demo")
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), help="Do it in this folder, and leave it there."
)
def demo(keep: Path | None) -> None:
    """Do a whole sweep, on generated data.

    Plan, approve, apply, verify and certify; takes less than a minute.
    """
    from pipelines.logs import set_up_logs

    set_up_logs()
    from pipelines.sweep_demo import run_demo

    run_demo(keep)


def _draw(made: Plan, path: Path, *, each: bool) -> None:
    from pipelines.due_picture import to_svg

    try:
        path.write_text(to_svg(made, each=each), encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"{path} cannot be written ({problem.strerror}): name another file for --calendar") from None


def _check(room: Room, path: Path, public_key: str | None, *, as_json: bool) -> None:
    import json

    from governance.keys.signing import SigningKey
    from retention.certificate import check

    try:
        public = bytes.fromhex(public_key) if public_key else None
    except ValueError:
        raise UsageError("--public-key is not hexadecimal: the certificate's page shows it") from None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise EbbError(f"{path} is not JSON: give the certificate as it was written") from None
    own = room.settings.home / "signing.key"
    if public is None and own.exists():
        public = SigningKey.ensure(own).public()
    if public is None:
        raise UsageError(f"there is no {own} to compare the signature with: give --public-key, or the right --home")
    found = check(document, public)
    noted = found["ledger"]
    if own.exists() and public_key is None and (broken := room.ledger.first_broken((noted["entry"], noted["link"]))):
        raise EbbError(f"the signature holds, but entry {broken.number} of the ledger is {broken.what}")
    if as_json:
        emit_json({"valid": True, "plan": found["plan"], "issued": found["issued"]})
    else:
        click.echo(f"Valid: plan {found['plan'][:16]}, issued {found['issued'][:10]}.")


def _extras(line: dict[str, Any]) -> str:
    # Children have no columns to anonymize by: they go with their parent's name.
    gone = " deleted" if line.get("done") == "anonymized" else ""
    extras = [f"{counted(line['children'], 'row')} below them{gone}"] if line["children"] else []
    extras += [f"{line['kept']:,} kept by a hold"] if line["kept"] else []
    extras += [f"{line['changed']:,} changed since the plan"] if line["changed"] else []
    return f" ({', '.join(extras)})" if extras else ""


def _days(text: str) -> int:
    number = text.removesuffix("d")
    if not (number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS):
        raise UsageError("--due-within takes days, such as 30d; at most four digits")
    return int(number)
