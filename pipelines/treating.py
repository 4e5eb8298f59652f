"""Treatments of a policy as column functions for data at rest; what `retention` is given, since it knows no policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from governance.errors import RefusedError
from governance.policy.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from governance.policy.treatments import Treatment
    from retention.datasets import Dataset


def treatments_of(dataset: Dataset) -> Mapping[str, Callable[[pa.Array], pa.Array]] | None:
    """Return a function for each column that is anonymized; None for a dataset whose rows are deleted.

    Raises:
        RefusedError: a treatment makes several columns, or none of its column's name.
    """
    if dataset.anonymize is None:
        return None
    return {name: _function(dataset, name, treatment) for name, treatment in dataset.anonymize.treatments.items()}


def _function(dataset: Dataset, column: str, treatment: Treatment) -> Callable[[pa.Array], pa.Array]:
    if treatment.do == "suppress":
        return lambda values: pa.nulls(len(values), values.type)
    # A sweep that deletes has no use for all treatments, which take longer to import than its plan to make.
    from transforms.deid.treatments.registry import Context, bind, columns_of  # noqa: PLC0415

    row = Row.model_construct(
        field=column,
        group=dataset.id,
        type="text",
        event=False,
        sensitivity="P",
        analytics=treatment,
        anonymous=None,
        personal=None,
        export="no",
        retention=dataset.retention,
        requirement="R-RET-08",
        reason="a column of a database",
    )
    if len(columns_of(treatment, row)) != 1:
        raise RefusedError(f"{dataset.id}: `{treatment.do}` does not make one column of {column}; choose another")
    function = bind(treatment, Context(row))

    def treat(values: pa.Array) -> pa.Array:
        encoded = values.cast(pa.string()).dictionary_encode()
        (treated,) = function(encoded.dictionary)
        return treated.take(encoded.indices).cast(values.type)

    return treat
