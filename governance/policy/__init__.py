"""What was promised: the inventory of fields, one policy pack a version, and what a pack does to a field."""

from __future__ import annotations

from governance.policy.loading import load_catalogue
from governance.policy.model import RECORD_STREAMS, STREAMS, Catalogue, Pack, PackPair, Row

__all__ = ["RECORD_STREAMS", "STREAMS", "Catalogue", "Pack", "PackPair", "Row", "load_catalogue"]
