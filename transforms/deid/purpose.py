"""What tokens of a stream are made for, and for whom: names of keys (R-PURP-03). Apart, since it is cheap to load."""

from __future__ import annotations

from typing import Final

PURPOSE: Final = "statistics"
RECIPIENT: Final = "analytics"
