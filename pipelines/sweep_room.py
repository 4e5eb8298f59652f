"""What every command of the retention room works with: register, stores, ledger, treatments."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from governance.calendar import local_date
from governance.errors import UsageError
from governance.ledger import Ledger
from governance.policy import load_catalogue
from pipelines.ended_subjects import naming
from pipelines.lake_datasets import EVERY_SYSTEM, LAKE, VAULT, existing, lake_register, search_columns
from pipelines.ledger_dataset import STORE, is_there, ledger_register, ledger_to_read
from pipelines.treating import treatments_of
from retention.apply import Work, work_on
from retention.datasets import read_register
from retention.endings import Endings, in_dataset, needs_name
from retention.ledger_use import LEDGER, holds_and_uses
from retention.stores.delta import open_table
from retention.stores.lake import DeltaStore
from retention.stores.ledger import LedgerStore
from retention.stores.sql import SqlStore
from retention.vault.heard_again import HeardAgain
from retention.vault.layout import vault_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date, datetime

    from pipelines.settings import Settings
    from retention.datasets import Dataset, Register, StoreSpec
    from retention.endings import Ending
    from retention.holds import Hold
    from retention.plan import Plan
    from retention.stores.base import Store

REGISTER = "datasets.yaml"


@dataclass(frozen=True)
class RoomOpener:
    """Opens the room here or in a worker; can be pickled.

    Attributes:
        ticket: of the lock that whoever sends it holds.
    """

    settings: Settings
    ticket: int | None = None

    def __call__(self) -> Room:
        """Open it."""
        return Room(self.settings, self.ticket)


class Room:
    """The retention room of one installation.

    Args:
        settings: where everything is.
        ticket: of the lock that it works under, where another holds it.
        reading: nothing will be written, so that no ledger is made.
    """

    def __init__(self, settings: Settings, ticket: int | None = None, *, reading: bool = False) -> None:
        self.settings = settings
        self._ticket = ticket
        self._reading = reading
        self._stores: dict[str, Store] = {}
        self._known: dict[str, list[Hold]] = {}
        self._heard: dict[date, HeardAgain] = {}

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, made if there is none and something may be written."""
        return ledger_to_read(self.settings) if self._reading else Ledger.open(self.settings.ledger_url, self._ticket)

    @cached_property
    def register(self) -> Register:
        """The lake's own tables, the tables of `datasets.yaml`, and the ledger's payloads."""
        register = lake_register(self.settings.lake, search_columns(load_catalogue(self.settings.packs)))
        path = self.settings.datasets
        if path is None and (self.settings.home / REGISTER).is_file():
            path = self.settings.home / REGISTER
        if path is not None:
            register += read_register(path)
        return register + ledger_register()

    @cached_property
    def datasets(self) -> Mapping[str, Dataset]:
        """Every dataset by id; tables of the lake that do not exist yet, and a ledger that does not, are left out."""
        there = existing(self.settings.lake)
        found = {d.id: d for d in self.register.datasets if d.store != LAKE or d.table in there}
        if not is_there(self.settings.ledger_url):
            del found[LEDGER]
        return found

    @property
    def places(self) -> Mapping[str, tuple[str, str]]:
        """Kind and URL of each store."""
        return {spec.id: (spec.kind, self._url(spec)) for spec in self.register.stores}

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """Digests of register and policy packs as they are now."""
        packs = sorted(pack.digest for pack in load_catalogue(self.settings.packs).packs)
        return {"register": self.register.digest, "policy": hashlib.sha256("\n".join(packs).encode()).hexdigest()}

    def dataset(self, name: str, *, presume: bool = False) -> Dataset:
        """Return a dataset that is there as its rows are judged; UsageError if none is called so.

        Only with `presume` are rows without a clock judged by their last change.
        """
        if name not in self.datasets:
            raise UsageError(f"no dataset is called {name}: `ebb datasets list` shows them")
        return self.datasets[name].judged(presume=presume)

    def store(self, name: str) -> Store:
        """Return an open store."""
        if name not in self._stores:
            spec = next(spec for spec in self.register.stores if spec.id == name)
            url = self._url(spec)
            sql = LedgerStore if name == STORE else SqlStore
            self._stores[name] = DeltaStore(url) if spec.kind == "delta" else sql(url)
        return self._stores[name]

    def endings_in(self, dataset: Dataset, endings: Iterable[Ending]) -> Endings:
        """Return the endings of a list that touch a dataset, with what names its subjects as the list does.

        The keyring is opened only for a database in which somebody of the list may be found.
        """
        listed = [ending for ending in endings if ending.touches(dataset)]
        named = dataset.store != LAKE and self.finds_people(dataset) and any(map(needs_name, listed))
        return in_dataset(listed, dataset, naming(self.settings.opener()) if named else None)

    def finds_people(self, dataset: Dataset) -> bool:
        """Say whether people can be found in a dataset: a database's accounts are looked for by system and name."""
        told = dataset.store == LAKE or dataset.systems is not None or dataset.system != EVERY_SYSTEM
        return told and dataset.subject is not None

    def holds(self, now: datetime, instant: datetime | None = None) -> list[Hold]:
        """Return what no sweep takes: what a case holds, what of the ledger is in use, orders with news.

        Args:
            now: what due dates are judged by.
            instant: entries of the ledger after it do not count; the vault is looked at as it is.
        """
        return [*holds_and_uses(self.ledger, now, instant), *self._heard_again(now)()]

    def work(self, plan: Plan, dataset: str) -> Work:
        """Return what units of a dataset are worked off with."""
        from pipelines.sweep_keys import preparation  # noqa: PLC0415 - only what applies needs keys

        chosen = self.dataset(dataset, presume=plan.presume_closed)
        work = work_on(
            plan,
            chosen,
            self.store(chosen.store),
            self.ledger,
            treatments_of(chosen),
            prepare=preparation(self.settings, chosen),
            endings_in=lambda endings: self.endings_in(chosen, endings),
        )
        if chosen.crypto != "vault":
            return work
        heard = self._heard_again(plan.now)
        # What is heard of once units are worked off is kept, and counted as kept.
        known = self._known.setdefault(plan.digest, heard())
        return replace(
            work,
            planned_holds=[*work.planned_holds, *known],
            standing_holds=lambda: [*work.standing_holds(), *heard()],
        )

    def _heard_again(self, now: datetime) -> Callable[[], list[Hold]]:
        """Return what asks the vault for orders that were heard of again; there may be no vault yet."""
        if VAULT not in self.datasets:
            return list
        today = local_date(now)
        if today not in self._heard:
            self._heard[today] = HeardAgain(open_table(vault_spec(self.settings.lake).uri), VAULT, today)
        return self._heard[today]

    def _url(self, spec: StoreSpec) -> str:
        if spec.id == STORE:
            _ = self.ledger  # its tables are brought to what this version needs
            return self.settings.ledger_url
        if spec.url is not None:
            return spec.url
        assert spec.url_from is not None
        url = os.environ.get(spec.url_from)
        if not url:
            raise UsageError(f"the store {spec.id} takes its URL from {spec.url_from}, which is not set")
        return url
