"""Changes between packs, by class (R-POL-02)."""

from __future__ import annotations

from typing import Any

import pytest

from governance.policy import load_catalogue
from governance.policy.diff import Change, Resolved, codes, compare, notice_needed
from governance.policy.treatments import Suppress


def resolved(pack_id: str, **update: Any) -> Resolved:
    """Return a pack that ships, with some of its parts replaced."""
    catalogue = load_catalogue()
    pack = catalogue.pack(pack_id)
    assert pack
    return Resolved(pack.model_copy(update=update), catalogue.inventory)


def part(pack_id: str, name: str, **update: Any) -> Any:
    """Return a part of a pack, changed."""
    return getattr(resolved(pack_id).pack, name).model_copy(update=update)


SEPP = resolved("sepp").pack
CASES = [
    ("MAJ-1", "names.carrier", "removed", {"names": SEPP.names - {"carrier"}}),
    ("MAJ-1", "purposes.interactive_projects", "added", {"purposes": SEPP.purposes | {"interactive_projects"}}),
    ("MAJ-1", "personal_with", "changed", {"personal_with": "account"}),
    ("MAJ-1", "exceptions.COL-SEPP-11", "removed", {"exceptions": SEPP.exceptions[:-1]}),
    ("MAJ-2", "operator", "changed", {"operator": "Somebody else"}),
    ("MAJ-3", "recipients.public", "removed", {"recipients": SEPP.recipients[:-1]}),
    ("MAJ-3", "export", "changed", {"export": part("sepp", "export", certified_anonymous=False)}),
    ("MAJ-4", "reply_deadline", "changed", {"reply_deadline": part("sepp", "reply_deadline", value=20)}),
    ("MAJ-4", "deletion_grounds.DEL-1", "removed", {"deletion_grounds": SEPP.deletion_grounds[1:]}),
    ("MAJ-5", "contact", "changed", {"contact": part("sepp", "contact", channels=("fax",))}),
    ("MAJ-6", "assessment", "changed", {"assessment": part("sepp", "assessment", high_risk=True)}),
    (None, "title", "changed", {"title": "Another title"}),
]


@pytest.mark.parametrize(("code", "path", "change", "update"), CASES)
def test_each_change_has_its_class(code: str | None, path: str, change: Any, update: dict[str, Any]) -> None:
    """One change gives one line with its class; any class needs a notice and seven days."""
    new = resolved("sepp", **update)
    changes = compare(resolved("sepp"), new)
    assert changes == (Change(code, path, change),)
    assert codes(changes) == ((code,) if code else ())
    assert ("date + 7 days" in notice_needed(changes, new.pack)) == bool(code)


def test_a_new_recipient_is_a_major_change() -> None:
    """A recipient that the old pack lacks is of class MAJ-3, and sepp asks for opinions first."""
    old = resolved("sepp", recipients=SEPP.recipients[1:])
    changes = compare(old, resolved("sepp"))
    assert changes == (Change("MAJ-3", f"recipients.{SEPP.recipients[0].id}", "added"),)
    assert "opinions" in notice_needed(changes, SEPP)


def test_a_recipient_that_may_get_more_is_a_major_change() -> None:
    """What a recipient may get counts; our reason for it does not."""
    first, *rest = SEPP.recipients
    more = first.model_copy(update={"overseas": not first.overseas})
    reworded = first.model_copy(update={"reason": "Said otherwise."})
    changed = compare(resolved("sepp"), resolved("sepp", recipients=(more, *rest)))
    assert changed == (Change("MAJ-3", f"recipients.{first.id}", "changed"),)
    assert compare(resolved("sepp"), resolved("sepp", recipients=(reworded, *rest))) == ()


def test_another_treatment_is_a_major_change() -> None:
    """The rule of a field both packs name is compared as resolved, whether pack or inventory changed it."""
    old = resolved("sepp")
    row = old.rows["ui_language"].model_copy(update={"analytics": Suppress()})
    new = Resolved(old.pack, {**old.rows, "ui_language": row})
    assert compare(old, new) == (Change("MAJ-1", "treatments.ui_language", "changed"),)


def test_a_risk_that_ended_is_no_major_change() -> None:
    """Only an assessment that newly shows a high risk is of class MAJ-6."""
    old = resolved("sepp", assessment=part("sepp", "assessment", high_risk=True))
    assert compare(old, resolved("sepp")) == (Change(None, "assessment", "changed"),)


def test_the_two_versions_of_mic_global() -> None:
    """The 2022 version changed fields, recipients, operator and contacts, but neither deadline nor risk."""
    changes = compare(resolved("mic_global_2021"), resolved("mic_global_2022"))
    assert codes(changes) == ("MAJ-1", "MAJ-2", "MAJ-3", "MAJ-5")
    assert Change("MAJ-1", "names.fax", "removed") in changes
    assert Change("MAJ-3", "recipients.review_platform", "added") in changes
    assert changes[-1].code is None
    assert compare(resolved("sepp"), resolved("sepp")) == ()
