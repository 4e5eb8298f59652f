"""Data files of a table: Parquet without statistics, in which a column of nothing but nulls is left out."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from retention.stores.disk import filesystem_of, plain_errors, remove_quietly, sync_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retention.stores.commit_log import DataFile


def write_file(uri: str, path: str, rows: pa.Table) -> None:
    """Write and sync one file; rows keep their order.

    Raises:
        LakeError: the place cannot be written; a part of a file is removed.
    """
    filesystem, root = filesystem_of(uri)
    full = f"{root}/{path}"
    empty = [name for name in rows.column_names if rows[name].null_count == rows.num_rows]
    with plain_errors(uri):
        try:
            filesystem.create_dir(full.rsplit("/", 1)[0], recursive=True)
            with filesystem.open_output_stream(full) as sink:
                kept = rows.drop_columns(empty)
                # No statistics: minimum and maximum of a token column are tokens. Bytes are keys and sealed payloads,
                # which do not repeat: a dictionary of them would be built and thrown away.
                repeating = [field.name for field in kept.schema if not _bytes(field.type)]
                pq.write_table(kept, sink, compression="zstd", write_statistics=False, use_dictionary=repeating)
            sync_path(filesystem, full)
            sync_path(filesystem, full.rsplit("/", 1)[0])
        except OSError:
            with contextlib.suppress(OSError):
                remove_quietly(filesystem, full)
            raise


def _bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_large_binary(kind))


def read_rows(
    uri: str, file: DataFile, schema: pa.Schema, partition: str, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read a file in the types and order of the table's `schema`; the partition's column is filled in."""
    filesystem, root = filesystem_of(uri)
    names = [name for name in schema.names if columns is None or name in columns]
    stored = [name for name in names if name != partition]
    with pq.ParquetFile(f"{root}/{file.path}", filesystem=filesystem) as parquet:
        there = set(parquet.schema_arrow.names)
        data = parquet.read(columns=[name for name in stored if name in there])
        number = parquet.metadata.num_rows
    made = {
        name: data[name].cast(schema.field(name).type)
        if name in there
        else pa.array([file.partition] * number, schema.field(name).type)
        if name == partition
        else pa.nulls(number, schema.field(name).type)
        for name in names
    }
    return pa.table(made, schema=pa.schema([schema.field(name) for name in names]))


def read_column(uri: str, file: DataFile, name: str) -> pa.ChunkedArray | None:
    """Read one column of a file; None if the file lacks it."""
    filesystem, root = filesystem_of(uri)
    with pq.ParquetFile(f"{root}/{file.path}", filesystem=filesystem) as parquet:
        if name not in parquet.schema_arrow.names:
            return None
        return parquet.read(columns=[name])[name]


def columns_in(uri: str, file: DataFile) -> frozenset[str]:
    """Return the names of a file's columns, from its footer."""
    filesystem, root = filesystem_of(uri)
    with pq.ParquetFile(f"{root}/{file.path}", filesystem=filesystem) as parquet:
        return frozenset(parquet.schema_arrow.names)
