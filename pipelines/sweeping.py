"""The steps of a sweep as commands run them: plan, apply, verify, certify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from governance.actors import folded
from governance.calendar import local_date
from governance.errors import EbbError, RefusedError, UsageError
from governance.keys.signing import SigningKey
from pipelines.lake_datasets import LAKE, statistics_of
from pipelines.register_check import require_columns
from pipelines.settings import wall_clock
from pipelines.sweep_keys import destroy_keys, require_keys
from pipelines.treating import treatments_of
from retention import certificate as certificates
from retention import endings as ended
from retention import holds as legal
from retention.apply import require_applicable, require_unchanged
from retention.plan import Limit, Plan, make_plan
from retention.survey import survey
from retention.sweeps import endings_at, find_sweep, holds_at, record_plan, withdrawn_since
from retention.verify import Taken, require_agreement, verify
from retention.witness.opinion import form_opinion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from pipelines.sweep_room import Room
    from retention.datasets import Dataset
    from retention.sweeps import Sweep


def plan_sweep(
    room: Room,
    *,
    now: datetime | None,
    by: str,
    limit: Limit,
    only: Sequence[str] = (),
    record: bool = True,
    presume: bool = False,
) -> Plan:
    """Look at every dataset and return the plan, recorded in the ledger unless it is a forecast.

    Args:
        room: the installation's.
        now: instant to judge by; the wall clock's if None.
        by: who plans.
        limit: how much the sweep may take.
        only: ids of datasets; all if empty.
        record: write it into the ledger.
        presume: transactions without a clock are presumed closed at their last change, after twelve months.
    """
    wall = wall_clock()
    instant = now or wall
    if broken := room.ledger.first_broken():
        raise EbbError(f"entry {broken.number} of the ledger is {broken.what}: nothing is planned on such a record")
    holds = room.holds(instant)
    chosen = [room.dataset(name, presume=presume) for name in only or room.datasets]
    if presume and not any(dataset.clock.last_changed for dataset in chosen):
        raise UsageError(
            "nothing can be presumed closed: name clock.last_changed in the register of a database's table"
        )
    for dataset in chosen:
        _require_columns(room, dataset)
        if dataset.extension is not None and dataset.extension.decided > local_date(wall):
            raise RefusedError(
                f"{dataset.id}: its extension is decided on a day that is still to come, and nobody decides ahead: "
                "correct `decided` (R-RET-03, R-RET-04)"
            )
    endings = endings_at(room.ledger, wall)
    secret = _secret(room) if record else b""
    shares = [
        survey(
            d,
            room.store(d.store),
            instant,
            holds,
            treatments_of(d),
            endings=room.endings_in(d, endings),
            secret=secret,
        )
        for d in chosen
    ]
    plan = make_plan(
        shares,
        now=instant,
        wall=wall,
        drill=now is not None,
        by=by,
        digests={**room.digests, "holds": legal.digest(holds), "endings": ended.digest(endings)},
        limit=limit,
        presume_closed=presume,
    )
    if record:
        record_plan(room.ledger, plan, wall)
    return plan


def approve_sweep(room: Room, digest: str, by: str) -> Sweep:
    """Record that somebody approves exactly this plan; RefusedError for a plan that is over."""
    sweep, wall = find_sweep(room.ledger, digest), wall_clock()
    if wall >= sweep.plan.expires:
        raise RefusedError("this plan expired: plan anew, and approve that")
    if room.settings.second_pair_of_eyes and folded(by) == folded(sweep.plan.by):
        raise RefusedError(f"{by} planned this sweep: somebody else approves it")
    room.ledger.append("sweep.approval", sweep.digest, {"by": by, "rows": sweep.plan.due}, wall)
    return find_sweep(room.ledger, sweep.digest)


def apply_sweep(room: Room, digest: str, work_off: Callable[[Sweep, Sequence[Any]], None]) -> Sweep:
    """Do what an approved plan says; called again after a crash it goes on, and after its end it does nothing.

    Args:
        room: the installation's.
        digest: beginning of the plan's digest.
        work_off: works off units that have no outcome yet.
    """
    sweep = find_sweep(room.ledger, digest)
    if "sweep.applied" in sweep.stages:
        return sweep
    require_applicable(sweep, wall_clock(), room.digests, second_pair_of_eyes=room.settings.second_pair_of_eyes)
    if broken := room.ledger.first_broken():
        raise EbbError(f"entry {broken.number} of the ledger is {broken.what}: nothing is deleted on such a record")
    for dataset in (room.dataset(share.dataset) for share in sweep.plan.shares if share.units):
        require_keys(room.settings, dataset)
        _require_columns(room, dataset)
    with room.ledger.sweeping():
        sweep = find_sweep(room.ledger, sweep.digest)
        if sweep.plan.endings_digest not in {None, ended.digest(endings_at(room.ledger, sweep.plan.created))}:
            raise RefusedError("the list of endings is not what the plan was made under: plan anew")
        if not sweep.checked:
            _second_opinion(room, sweep)
        for share in sweep.plan.shares:
            if share.units:
                require_unchanged(sweep, room.work(sweep.plan, share.dataset), _secret(room))
        pending = [unit for unit in sweep.plan.units if (unit.dataset, unit.part) not in sweep.outcomes]
        if pending:
            work_off(sweep, pending)
        _make_unreadable(room, find_sweep(room.ledger, sweep.digest))
        done = find_sweep(room.ledger, sweep.digest)
        content = {"rows": sum(int(o["rows"]) for o in done.outcomes.values()), "drill": sweep.plan.drill}
        room.ledger.append("sweep.applied", sweep.digest, content, wall_clock())
    return find_sweep(room.ledger, sweep.digest)


def verify_sweep(room: Room, digest: str) -> dict[str, Any]:
    """Read everything again and record what was found."""
    sweep = find_sweep(room.ledger, digest)
    if "sweep.applied" not in sweep.stages:
        raise RefusedError(f"this sweep is {sweep.state}: `ebb sweep apply {sweep.digest[:16]}` comes before verify")
    with room.ledger.sweeping():
        presume = sweep.plan.presume_closed
        datasets = {share.dataset: room.dataset(share.dataset, presume=presume) for share in sweep.plan.shares}
        now = sweep.plan.now
        holds = {*room.holds(now, sweep.plan.created), *room.holds(now)}
        planned = endings_at(room.ledger, sweep.plan.created)
        report = verify(
            sweep.plan,
            datasets,
            room.places,
            holds=holds,
            removed={name: _taken(sweep, name) for name in datasets},
            wall=wall_clock(),
            statistics={name: statistics_of(dataset) for name, dataset in datasets.items()},
            endings={name: room.endings_in(dataset, planned) for name, dataset in datasets.items()},
            withdrawn=withdrawn_since(room.ledger, sweep.plan.created),
        )
        room.ledger.append("sweep.verified", sweep.digest, report, wall_clock())
    return report


def certify_sweep(room: Room, digest: str) -> dict[str, Any]:
    """Return the sweep's signed certificate; made once, then always the same."""
    sweep = find_sweep(room.ledger, digest)
    if sweep.certificate is not None:
        return dict(sweep.certificate)
    datasets = {share.dataset: room.dataset(share.dataset) for share in sweep.plan.shares}
    keys = {
        entry.content["dataset"]: {"keys": entry.content["keys"], "at": entry.recorded}
        for entry in room.ledger.entries("sweep.keys", sweep.digest)
        if entry.content.get("keys")
    }
    places = {share.store: room.store(share.store).place for share in sweep.plan.shares}
    unsigned = certificates.make_certificate(
        sweep, datasets, places=places, keys_destroyed=keys, head=room.ledger.head(), wall=wall_clock()
    )
    signed = certificates.sign(unsigned, _own_key(room))
    room.ledger.append("sweep.certificate", sweep.digest, signed, wall_clock())
    return signed


def _own_key(room: Room) -> SigningKey:
    return SigningKey.ensure(room.settings.home / "signing.key")


def _secret(room: Room) -> bytes:
    """Return the key of fingerprints, which stand in the ledger for years: its readers must not guess rows by them."""
    return _own_key(room).derive("plan", "rows")


def _require_columns(room: Room, dataset: Dataset) -> None:
    if dataset.store != LAKE:  # whose tables are ebb's to know
        require_columns(dataset, room.store(dataset.store).shape(dataset.table))


def _taken(sweep: Sweep, dataset: str) -> Taken:
    counts = (sweep.removed, sweep.removed_children, sweep.kept, sweep.changed)
    return Taken(*(count(dataset) for count in counts))


def _second_opinion(room: Room, sweep: Sweep) -> None:
    holds, wall = room.holds(sweep.plan.now, sweep.plan.created), wall_clock()
    endings = endings_at(room.ledger, sweep.plan.created)
    for share in sweep.plan.shares:
        kind, url = room.places[share.store]
        dataset = room.dataset(share.dataset, presume=sweep.plan.presume_closed)
        # What is not due is not opened here; `verify` opens every file.
        opinion = form_opinion(
            dataset,
            kind,
            url,
            sweep.plan.now,
            holds,
            wall=wall,
            endings=room.endings_in(dataset, endings),
            footers=False,
        )
        require_agreement(share, opinion)
    room.ledger.append("sweep.checked", sweep.digest, {"datasets": len(sweep.plan.shares)}, wall)


def _make_unreadable(room: Room, sweep: Sweep) -> None:
    """Purge the tables whose rows went, and destroy the keys that no row needs any more."""
    for share in sweep.plan.shares:
        if not share.units or share.dataset in sweep.purges:
            continue
        room.ledger.require_lock()
        dataset = room.dataset(share.dataset)
        why = f"sweep {sweep.digest[:16]}"
        holds = holds_at(room.ledger)
        if keys := destroy_keys(room.settings, dataset, sweep.plan.now, holds, ledger=room.ledger, why=why):
            content = {"dataset": dataset.id, "keys": len(keys), "names": keys}
            room.ledger.append("sweep.keys", sweep.digest, content, wall_clock())
        store = room.store(dataset.store)
        purged = [store.purge(table, history=False) for table in _tables(dataset.tables)]
        content = {
            "dataset": dataset.id,
            "physically": all(one.physically for one in purged),
            "history": all(one.history for one in purged),
            "notes": sorted({note for one in purged for note in one.notes}),
        }
        room.ledger.append("sweep.purged", sweep.digest, content, wall_clock())


def _tables(names: Iterable[str]) -> list[str]:
    return sorted(names)
