"""The register of datasets: what is stored where, of which class, and by which clock it goes.

A register is one YAML file, read once and frozen. A dataset without a class is refused (`RET_NO_CLASS`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import ConfigDict, Field, StrictBool, StrictInt, ValidationError, field_validator, model_validator

from governance.errors import PolicyError, RefusedError, UsageError
from governance.policy.keyed import Keyed
from governance.policy.parts import Identifier, Part, Text
from governance.policy.rows import Retention
from governance.policy.treatments import Categorize, Keep, Pseudonymize, Suppress, Treatment

if TYPE_CHECKING:
    from pathlib import Path

Column = Annotated[str, Field(min_length=1, max_length=200)]
DatasetId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,62}$")]

OTHER = "other"
"""What `keep` makes of a text that is not on its list."""

FLOORS = frozenset({"TXN", "GOV"})
"""Classes whose records are kept from their latest clock on; LOG is counted from its earliest (R-RET-05)."""

LONGEST_EXTENSION = dt.timedelta(days=366)
"""An extension ends at most twelve months after it was decided, then somebody looks again (R-RET-04)."""


class Clock(Part):
    """When a row's time starts, by columns.

    Attributes:
        columns: all must be known; the latest counts, for LOG the earliest.
        pick: which counts instead; never the earliest for a record of TXN or GOV, nor the latest for a copy of LOG.
        optional: count where they are filled: a refund, a dispute that was closed.
        ended: when it was cancelled, removed, or its purpose ended (PROFILE, CONTENT); empty while it lasts.
        due: a column that states the due date itself; then no other is needed.
        unit: of clocks that are integers since 1970.
        last_changed: when anything of the row, or below it, was last changed. A plan that presumes closed starts the
            clock of a row without one there, when twelve months have gone by (R-RET-07); see `Dataset.judged`.
    """

    columns: tuple[Column, ...] = ()
    optional: tuple[Column, ...] = ()
    ended: Column | None = None
    due: Column | None = None
    pick: Literal["latest", "earliest"] | None = None
    unit: Literal["s", "ms", "us"] | None = None
    last_changed: Column | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.columns or self.optional or self.ended or self.due):
            raise ValueError("a clock names at least one column")
        if self.last_changed in self.names:
            raise ValueError("last_changed tells of every change: it is none of the clock's columns")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Every column of the clock, each once."""
        named = (*self.columns, *self.optional, *(name for name in (self.ended, self.due) if name))
        return tuple(dict.fromkeys(named))

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that the register names here, `last_changed` among them."""
        return (*self.names, *([self.last_changed] if self.last_changed else []))


class OpenStates(Part):
    """Values of a column that say: unfinished or disputed; compared in the column's own type."""

    column: Column
    values: tuple[StrictBool | StrictInt | str, ...] = Field(min_length=1)

    @property
    def texts(self) -> frozenset[str]:
        """The values as text, true and false in small letters."""
        return frozenset(str(one).lower() if isinstance(one, bool) else str(one) for one in self.values)


class Child(Part):
    """A table whose rows go with their parent's, before it.

    Attributes:
        column: the child's column that points at the parent.
        references: the parent's column it points at; by default the parent's key.
    """

    table: Text
    column: Column
    references: Column | None = None
    children: tuple[Child, ...] = ()


class Anonymize(Part):
    """What becomes of each column of a due row, when it is anonymized instead of deleted.

    Attributes:
        treatments: by column: `suppress` empties it, `keep` with values and `categorize` leave a text of a short list.
            Of what others make nobody could tell whether it has been treated, and it would be treated again.
        keep: columns that say nothing of a person and stay.
    """

    treatments: dict[Column, Treatment] = Field(min_length=1)
    keep: tuple[Column, ...] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if any(isinstance(one, Pseudonymize | Keyed) for one in self.treatments.values()):
            raise ValueError("pseudonymizing is not anonymizing: what a key made links or turns back (R-RET-08)")
        for name, one in self.treatments.items():
            listing = isinstance(one, Categorize) or (isinstance(one, Keep) and one.shape is None)
            if not (listing or isinstance(one, Suppress)):
                raise ValueError(
                    f"{name}: stored rows are anonymized by suppress, keep with values and no shape, or categorize; of "
                    f"what {one.do} makes nobody can tell that it was treated already"
                )
        return self

    def left(self, column: str) -> tuple[str, ...]:
        """Return the texts that a treated column may hold afterwards, besides null."""
        treatment = self.treatments[column]
        if isinstance(treatment, Categorize):
            return (*treatment.bands, treatment.other)
        return (*treatment.values, OTHER) if isinstance(treatment, Keep) else ()


class Extension(Part):
    """A reason to keep rows longer (R-RET-03).

    Attributes:
        criterion: RC-1 transaction and complaints, RC-2 safety of service, RC-3 the user agrees, RC-4 agreement.
        evidence: id of the consent (RC-3) or of the agreement (RC-4).
    """

    criterion: Literal["RC-1", "RC-2", "RC-3", "RC-4"]
    reason: Text
    owner: Text
    decided: dt.date
    until: dt.date
    evidence: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.criterion in {"RC-3", "RC-4"} and self.evidence is None:
            raise ValueError("RC-3 needs a consent's id, RC-4 an agreement's: give `evidence`")
        if not self.decided < self.until <= self.decided + LONGEST_EXTENSION:
            raise ValueError("an extension ends at most twelve months after it was decided")
        return self


class Dataset(Part):
    """One table under the sweep.

    Attributes:
        retention: class of R-RET-05; `class` in YAML.
        zone: of times that carry none.
        personal: false where rows are about nobody, so that a hold on people is not one on them.
        floor_source: whence the floor comes, for the certificate.
        event: a column with the +08:00 date of what a row tells, where its clock only states when it is due.
        searches: columns that hold what somebody searched; filled in one of them, it is a row of search history.
        systems: a column that names the system, where a table holds several.
        month: a partition column "YYYY-MM" of due months, by which what is not yet due is never opened.
        crypto: purpose of the keys that are destroyed with the rows: `dead_letters` or `vault`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: DatasetId
    store: Identifier
    table: Text
    system: Text
    role: Literal["record", "copy", "aggregate"]
    retention: Annotated[Retention, Field(alias="class")]
    zone: Text
    clock: Clock
    open: OpenStates | None = None
    subject: Column | None = None
    personal: bool = True
    key: tuple[Column, ...] = ()
    children: tuple[Child, ...] = ()
    derived_from: tuple[DatasetId, ...] = ()
    action: Literal["delete", "anonymize"] = "delete"
    anonymize: Anonymize | None = None
    extension: Extension | None = None
    floor_source: str = ""
    event: Column | None = None
    searches: tuple[Column, ...] = ()
    systems: Column | None = None
    month: Column | None = None
    crypto: Literal["dead_letters", "vault"] | None = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - read only where a register is

        try:
            ZoneInfo("Asia/Shanghai" if value == "+08:00" else value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("not a time zone: write Europe/London, Asia/Shanghai or +08:00") from None
        return value

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.retention == "NONE":
            raise ValueError("class NONE is never stored")
        if (self.action == "anonymize") != (self.anonymize is not None):
            raise ValueError("`anonymize` and its treatments come together")
        if self.anonymize is not None and self.subject in self.anonymize.keep:
            raise ValueError("the subject's column cannot be kept: a tokenized row is not anonymous (R-RET-08)")
        if self.retention == "CONTENT" and self.clock.ended is None and self.clock.due is None:
            raise ValueError("class CONTENT needs clock.ended: when it was removed")
        if self.clock.pick == "earliest" and self.role == "record" and self.retention in FLOORS:
            raise ValueError(
                f"pick: earliest is not for records of {self.retention}: their floor runs from the latest clock"
            )
        if self.clock.pick == "latest" and self.role != "record" and self.retention == "LOG":
            raise ValueError("pick: latest is not for copies of class LOG: they go by the earlier clock (R-RET-05)")
        if self.clock.last_changed is not None and (self.retention != "TXN" or self.clock.due is not None):
            raise ValueError("last_changed is for class TXN, without clock.due: only an order is presumed closed")
        return self

    def judged(self, *, presume: bool) -> Dataset:
        """Return the dataset as its rows are judged: without `last_changed`, unless the plan presumes closed."""
        if presume or self.clock.last_changed is None:
            return self
        return self.model_copy(update={"clock": self.clock.model_copy(update={"last_changed": None})})

    @property
    def pick(self) -> Literal["latest", "earliest"]:
        """Which of several clocks counts: LOG runs from the earlier of event and arrival."""
        return self.clock.pick or ("earliest" if self.retention == "LOG" else "latest")

    @property
    def tables(self) -> frozenset[str]:
        """The dataset's table and those of its children."""
        return frozenset([self.table, *_below(self.children)])


class StoreSpec(Part):
    """Where tables are.

    Attributes:
        url: a lake's folder or URI, or a database's URL; without a password.
        url_from: name of an environment variable that holds the URL, where it is secret.
        ignore: tables nobody needs to register: of a framework, of migrations.
    """

    id: Identifier
    kind: Literal["delta", "sql"]
    url: Text | None = None
    url_from: Text | None = None
    ignore: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if (self.url is None) == (self.url_from is None):
            raise ValueError("give `url` or `url_from`, one of them")
        return self


class Register(Part):
    """Every dataset that a sweep knows, and the stores they are in."""

    stores: tuple[StoreSpec, ...] = ()
    datasets: tuple[Dataset, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        stores = [store.id for store in self.stores]
        ids = [dataset.id for dataset in self.datasets]
        for names in (stores, ids):
            if len(set(names)) != len(names):
                raise ValueError("two entries have the same id")
        if unknown := {dataset.store for dataset in self.datasets} - set(stores):
            raise ValueError(f"unknown store: {', '.join(sorted(unknown))}")
        if unknown := {parent for dataset in self.datasets for parent in dataset.derived_from} - set(ids):
            raise ValueError(f"derived_from names no dataset: {', '.join(sorted(unknown))}")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the register, by which a plan is bound to it."""
        document = self.model_dump(mode="json", by_alias=True)
        for clock in (dataset["clock"] for dataset in document["datasets"]):
            if clock["last_changed"] is None:  # a register from before there was one keeps its digest
                del clock["last_changed"]
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def dataset(self, name: str) -> Dataset:
        """Return the dataset called `name`; UsageError if there is none."""
        for dataset in self.datasets:
            if dataset.id == name:
                return dataset
        raise UsageError(f"no dataset is called {name}: `ebb datasets list` shows them")

    def __add__(self, other: Register) -> Register:
        """Join two registers."""
        return Register(stores=self.stores + other.stores, datasets=self.datasets + other.datasets)


def read_register(path: Path) -> Register:
    """Read a `datasets.yaml`.

    Raises:
        RefusedError: a dataset has no class (RET_NO_CLASS).
        PolicyError: the file is not a register; the message names the place, never a value.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise PolicyError(f"{path} cannot be read ({problem.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise PolicyError(f"{path} is not YAML: correct it") from None
    _refuse_without_class(path, document)
    try:
        return Register.model_validate(document)
    except ValidationError as problem:
        raise PolicyError(f"{path}: {'; '.join(_lines(problem))}") from None


def _refuse_without_class(path: Path, document: Any) -> None:
    listed = document.get("datasets") if isinstance(document, dict) else None
    for number, entry in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(entry, dict) and not entry.get("class"):
            name = entry["id"] if isinstance(entry.get("id"), str) else f"number {number + 1}"
            raise RefusedError(f"RET_NO_CLASS {path}: dataset {name} has no retention class; give it one of R-RET-05")


def _lines(problem: ValidationError) -> list[str]:
    """Say where and what; pydantic's own text would quote the value."""
    return [
        f"{'.'.join(map(str, error['loc'])) or 'register'}: {error['msg'].removeprefix('Value error, ')}"
        for error in problem.errors(include_input=False, include_url=False)
    ]


def _below(children: tuple[Child, ...]) -> list[str]:
    return [name for child in children for name in (child.table, *_below(child.children))]
