"""The ledger: a hash-chained record of what was planned, approved, held, done and certified."""

from governance.ledger.chain import Broken, Entry
from governance.ledger.ledger import Ledger

__all__ = ["Broken", "Entry", "Ledger"]
