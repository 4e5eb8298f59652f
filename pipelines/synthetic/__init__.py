"""Synthetic events: the same bytes for the same seed, and as untidy as real ones."""

from pipelines.synthetic.orders import transactions
from pipelines.synthetic.sessions import events

__all__ = ["events", "transactions"]
