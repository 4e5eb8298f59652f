"""The certificate of a sweep: what went, how far it is gone, what was not looked at. Signed, without personal data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from governance.errors import EbbError, RefusedError
from governance.keys.backup import LIFE
from governance.keys.signing import is_signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from governance.keys.signing import SigningKey
    from retention.datasets import Dataset
    from retention.sweeps import Sweep

FORMAT = "ebb.certificate.v1"
_COUNTS = ("dataset", "class", "action", "before", "gone", "with them", "after")
_COLUMNS = (*_COUNTS, "logically", "crypto-erased", "physically", "history")
NOT_SCANNED = (
    "backups of databases and of the lake",
    "point-in-time logs and replicas of databases",
    "older versions of objects in a bucket",
    f"backups of the keyring, to go within {LIFE.days} days: ebb restores none after that, and no destroyed key",
)


def make_certificate(
    sweep: Sweep,
    datasets: Mapping[str, Dataset],
    *,
    places: Mapping[str, str],
    keys_destroyed: Mapping[str, Mapping[str, Any]],
    head: tuple[int, str],
    wall: datetime,
) -> dict[str, Any]:
    """Return the unsigned certificate of a verified sweep.

    Args:
        sweep: applied and verified.
        datasets: by id.
        places: store → where it is, without a password.
        keys_destroyed: by dataset, how many keys and when.
        head: number and link of the ledger's last entry.
        wall: the wall clock.

    Raises:
        RefusedError: the sweep was not verified, or verification found something wrong.
    """
    if sweep.verified is None or not sweep.verified.get("ok"):
        raise RefusedError(f"only a sweep that was verified is certified: ebb sweep verify {sweep.digest[:16]}")
    findings = {finding["dataset"]: finding for finding in sweep.verified["datasets"]}
    return {
        "format": FORMAT,
        "plan": sweep.digest,
        "judged_by": sweep.plan.now.isoformat(),
        "drill": sweep.plan.drill,
        "planned_by": sweep.plan.by,
        "approved_by": list(sweep.approvals),
        "applied": sweep.stages.get("sweep.applied"),
        "verified": sweep.stages.get("sweep.verified"),
        "issued": wall.isoformat(),
        "register_digest": sweep.plan.register_digest,
        "policy_digest": sweep.plan.policy_digest,
        "datasets": [
            _entry(sweep, datasets[s.dataset], findings[s.dataset], keys_destroyed) for s in sweep.plan.shares
        ],
        "stores_scanned": sorted({places[share.store] for share in sweep.plan.shares}),
        "not_scanned": list(NOT_SCANNED),
        "ledger": {"entry": head[0], "link": head[1]},
    }


def sign(certificate: Mapping[str, Any], key: SigningKey) -> dict[str, Any]:
    """Return the certificate with public key and signature."""
    signed = {**certificate, "public_key": key.public().hex()}
    return {**signed, "signature": key.sign(_message(signed)).hex()}


def check(document: Any, public: bytes | None = None) -> dict[str, Any]:
    """Return the certificate if its signature holds.

    Args:
        document: what was read from a file.
        public: the key that must have signed; None trusts the one inside, which proves only that nothing was changed.

    Raises:
        EbbError: it is not a certificate, was changed, or somebody else signed it.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise EbbError("this is not a certificate of a sweep")
    signed = {name: value for name, value in document.items() if name != "signature"}
    try:
        inside, signature = bytes.fromhex(signed["public_key"]), bytes.fromhex(document["signature"])
    except (KeyError, TypeError, ValueError):
        raise EbbError("this certificate has no readable signature") from None
    if public is not None and inside != public:
        raise EbbError("this certificate was signed by another key than this installation's")
    if not is_signed(inside, signature, _message(signed)):
        raise EbbError("this certificate was changed after it was signed")
    return document


def to_page(certificate: Mapping[str, Any]) -> str:
    """Return the certificate as a page for people, in Markdown."""
    lines = [
        "# Certificate of deletion",
        "",
        f"Plan `{certificate['plan'][:16]}`, judged by {certificate['judged_by']}"
        + (" (given, not the wall clock's)" if certificate["drill"] else "")
        + f"; approved by {', '.join(certificate['approved_by'])}; applied {certificate['applied']}; "
        f"verified {certificate['verified']}.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "|" + "---|" * len(_COLUMNS),
    ]
    for entry in certificate["datasets"]:
        dates = [(entry[name] or "–")[:10] for name in ("logically", "crypto_erased", "physically", "history_purged")]
        counts = [f"{entry[name]:,}" for name in ("before", "removed", "children", "after")]
        lines.append(f"| {' | '.join([entry['dataset'], entry['class'], entry['action'], *counts, *dates])} |")
    notes = sorted({note for entry in certificate["datasets"] for note in entry["notes"]})
    lines += ["", "Scanned: " + "; ".join(certificate["stores_scanned"]) + ".", ""]
    lines += ["Not scanned: " + "; ".join(certificate["not_scanned"]) + ".", ""]
    lines += [*(f"- {note}" for note in notes), ""] if notes else []
    signature = certificate.get("signature", "not signed")
    lines += [f"Ledger entry {certificate['ledger']['entry']}. Ed25519 signature {signature[:32]}…", ""]
    return "\n".join(lines)


def _entry(
    sweep: Sweep, dataset: Dataset, finding: Mapping[str, Any], keys_destroyed: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    done = [o["at"] for (name, _), o in sweep.outcomes.items() if name == dataset.id]
    purge = sweep.purges.get(dataset.id, {})
    keys = keys_destroyed.get(dataset.id, {})
    at = purge.get("at")
    return {
        "dataset": dataset.id,
        "class": dataset.retention,
        "role": dataset.role,
        "action": dataset.action,
        "floor": dataset.floor_source,
        **{name: finding[name] for name in ("before", "removed", "children", "after")},
        "kept_by_holds": sweep.kept(dataset.id),
        "changed_since": sweep.changed(dataset.id),
        "logically": max(done) if done else None,
        "crypto_erased": keys.get("at") if keys.get("keys") else None,
        "keys_destroyed": keys.get("keys", 0),
        "physically": at if purge.get("physically") else None,
        "history_purged": at if purge.get("history") else None,
        "notes": [*purge.get("notes", ()), *_explained(sweep, dataset.id)],
    }


def _explained(sweep: Sweep, dataset: str) -> Iterator[str]:
    """Say what was presumed, why planned rows stayed, and where a number rests on what was found later."""
    if presumed := sweep.plan.share(dataset).presumed:
        yield f"{dataset}: {presumed:,} rows without a clock were judged by their last change (R-RET-07), as approved"
    if kept := sweep.kept(dataset):
        yield f"{dataset}: {kept:,} planned rows stayed, held by a case or by news since the plan"
    if changed := sweep.changed(dataset):
        yield f"{dataset}: {changed:,} planned rows were not due any more, or not there any more, when their turn came"
    if sweep.recounted(dataset):
        yield (
            f"{dataset}: the sweep was stopped in the middle; of what went until then, the count is the plan's less "
            "what was there when it went on"
        )


def _message(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
