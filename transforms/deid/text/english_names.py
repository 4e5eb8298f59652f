"""Names of persons in Latin, Greek and Cyrillic letters after their cues and titles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transforms.deid.text.spans import Detector, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_UPPER: Final = r"A-Z\u00c0-\u00d6\u00d8-\u00de\u0100-\u017f\u0386-\u03ab\u0410-\u042f"
_ANY: Final = r"A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff"
_WORD: Final = rf"[{_UPPER}](?:[{_ANY}'’\-]{{1,30}}|[.]?)"
_PARTICLE: Final = r"(?:van|von|de|da|del|della|di|der|den|la|le|el|al|bin|ibn|dos|du)"
_PROPER: Final = rf"{_WORD}(?:[ ](?:{_PARTICLE}[ ]){{0,2}}{_WORD}){{0,3}}(?<![.])"
_CUE: Final = re.compile(
    r"(?<![A-Za-z])(?:(?i:my (?:full )?name is|(?:i am|i'm) called|this is (?=(?:mr|mrs|ms|dr)\b)|(?:full|first|"
    r"last|maiden|real|sur)[ ]?name(?: is|:)|"
    r"(?<!product )(?<!company )(?<!file )(?<!brand )(?<!item )(?<!user )(?<!model )(?<!host )(?<!domain )"
    r"(?<!trade )(?<!store )(?<!shop )"
    r"name[ ]?[:：]|name on the account\?|contact(?: person)?[ ]?[:：]|attn(?:[.:]{1,2}|(?=[ ]))|"
    r"attention:|consignee[ ]?:|"
    r"recipient[ ]?:|passenger[ ]?:|patient[ ]?:|"
    r"cardholder(?: name)?[ ]?[:：]|account holder[ ]?[:：]|signed by|best regards,?|kind regards,?|sincerely,?|"
    r"yours truly,?)"
    rf"|Dear)[ \t]{{0,3}}\n?[ \t]{{0,3}}(?:(?i:mr|mrs|ms|miss|dr|prof)[.]?[ ])?(?P<name>{_PROPER})"
)
_TITLED: Final = re.compile(rf"(?<![A-Za-z])(?i:mr|mrs|ms|miss|dr|prof)(?:[.][ ]?|[ ])(?P<name>{_PROPER})")
# Michael Thornbury, passport 5482…
_HOLDER: Final = re.compile(
    r"(?<![A-Za-z])(?P<name>[A-Z][a-z]{1,15}(?:[ ][A-Z][A-Za-z'\-]{1,15}){1,2})(?=[ ]?[,，(][ ]?(?:(?i:passport|dob|"
    r"born)|护照))"
)
_LOWER: Final = re.compile(
    r"(?<![A-Za-z])my name is[ ]{1,3}(?P<name>[a-z][a-z'\-]{1,20}(?:[ ](?!and\b|from\b|but\b|my\b|i\b|the\b|"
    r"is\b|in\b|at\b|please\b)[a-z][a-z'\-]{1,20})?)(?![A-Za-z])"
)
_NOT_NAMES: Final = frozenset({
    "Sir", "Madam", "Customer", "Customers", "Team", "All", "Friend", "Friends", "Support",
    "Sirs", "Seller", "Supplier", "Manager", "Sales", "Ms", "Mr", "Mrs", "Dr",
})  # fmt: skip


def english_names(text: str) -> Iterator[Span]:
    """Find names in Latin, Greek or Cyrillic letters after their cues and titles."""
    for pattern in (_CUE, _TITLED, _LOWER, _HOLDER):
        for found in pattern.finditer(text):
            if found["name"].partition(" ")[0] not in _NOT_NAMES:
                yield Span(found.start("name"), found.end("name"), "NAME")


DETECTORS: Final = (
    Detector(
        r"(?i:\b(?:name|called|contact|attn|attention|consignee|recipient|passenger|patient|holder|signed|"
        r"regards|sincerely|truly|dear|passport|mr|mrs|ms|miss|dr|prof)\b)",
        english_names,
    ),
)
