"""The analyst's window: right answers, no way out, nothing changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from governance.errors import EbbError, LakeError, RefusedError, UsageError
from pipelines.analyst import Analyst, lake_tables
from pipelines.cli import ebb
from retention.stores.delta import FencedTable, TableSpec, create_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = pa.schema(
    [
        ("event_key", pa.binary()),
        ("system", pa.string()),
        ("event_type", pa.string()),
        ("event_date", pa.string()),
        ("event_hour", pa.timestamp("us", tz="UTC")),
        ("subject", pa.string()),
        ("policy", pa.string()),
        ("due_date", pa.string()),
        ("ip_address", pa.string()),
        ("device_id", pa.string()),
        ("search_query_length", pa.int32()),
        ("cookie_id", pa.string()),
    ]
)
secret_of_this_module = pa.table({"secret": ["a variable of Python"]})


def row(number: int, date: str, device: str | None, cookie: str | None, subject: str | None = None) -> dict:
    """Return a row as the pipeline stores it."""
    return {
        "event_key": bytes([number]) * 16, "system": "sepp", "event_type": "page_view", "event_date": date,
        "event_hour": datetime(2026, 9, int(date[-2:]), 1, tzinfo=UTC), "subject": subject, "policy": "sepp@0123",
        "due_date": "2027-03-01", "ip_address": "10.0.0.0/16", "device_id": device, "search_query_length": number,
        "cookie_id": cookie,
    }  # fmt: skip


def fill(lake: str, path: str, rows: list[dict]) -> None:
    """Make a table of the lake and put rows into it."""
    spec = TableSpec(f"{lake}/{path}", SCHEMA, "event_date", ("event_hour",))
    create_table(spec)
    table = FencedTable(spec)
    assert table.commit(table.write_files(pa.Table.from_pylist(rows, SCHEMA)), {})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home folder whose lake has three tables."""
    home = tmp_path_factory.mktemp("home")
    lake = str(home / "lake")
    fill(lake, "analytics/service_log", [
        row(1, "2026-09-01", "d1", "c1"), row(2, "2026-09-01", "d1", "c1"), row(3, "2026-09-01", None, "c2"),
        row(4, "2026-09-02", None, None), row(5, "2026-09-02", "d9", None),
    ])  # fmt: skip
    fill(lake, "analytics/equipment", [row(6, "2026-09-02", "d7", None)])
    fill(lake, "personal/service_log", [row(7, "2026-09-01", "d1", "c1", "v1.2026H2.token")])
    return home


@pytest.fixture
def analyst(home: Path) -> Iterator[Analyst]:
    """Return an analyst who may see the personal tables too."""
    with Analyst(lake_tables(str(home / "lake"), personal=True)) as opened:
        yield opened


def run(home: Path, *arguments: str) -> Result:
    """Run `ebb` on the home folder, errors and all."""
    return CliRunner().invoke(ebb, [*arguments, "--home", str(home)], standalone_mode=False)


def test_tables_answer_select(analyst: Analyst) -> None:
    """A SELECT returns names and values in their order, as JSON knows them."""
    answer = analyst.ask("SELECT event_date, count(*) AS n FROM service_log GROUP BY ALL ORDER BY ALL")
    assert answer.records() == [{"event_date": "2026-09-01", "n": 3}, {"event_date": "2026-09-02", "n": 2}]
    assert analyst.ask("SELECT subject FROM personal_service_log").rows == [("v1.2026H2.token",)]


def test_daily_devices_counts_devices_a_day(analyst: Analyst) -> None:
    """The view counts distinct devices, else cookies, and events of both streams, a day and system."""
    answer = analyst.ask("SELECT * FROM daily_devices ORDER BY event_date")
    assert answer.columns == ("event_date", "system", "devices", "events")
    assert answer.rows == [("2026-09-01", "sepp", 2, 3), ("2026-09-02", "sepp", 2, 3)]


def test_daily_devices_are_null_where_no_id_is_kept(tmp_path: Path) -> None:
    """Events without a device and a cookie have no number of devices, which is not the number 0."""
    fill(str(tmp_path / "lake"), "analytics/service_log", [row(1, "2026-09-01", None, None)])
    with Analyst(lake_tables(str(tmp_path / "lake"))) as opened:
        assert opened.ask("SELECT devices, events FROM daily_devices").rows == [(None, 1)]


@pytest.mark.parametrize(
    "sql",
    [
        "FROM '/etc/passwd'", "SELECT 1 FROM service_log, '/etc/passwd' p", "SELECT * FROM 'x.parquet'",
        "SELECT delta_scan('/x')", "SELECT * FROM delta_scan('/x')", "SELECT (SELECT 1 FROM iceberg_scan('x'))",
        "SELECT read_text('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM read_nothing('x')",
        "SELECT * FROM postgres_scan('a', 'b', 'c')", "SELECT getenv('HOME')",
    ],
)  # fmt: skip
def test_whatever_names_a_file_is_refused_in_the_same_words(analyst: Analyst, sql: str) -> None:
    """A file as a table and a function that reads are refused wherever they stand, known to DuckDB or not."""
    with pytest.raises(RefusedError, match="one SELECT on the tables of the lake") as caught:
        analyst.ask(sql)
    assert caught.value.exit_code == 3


def test_a_table_that_is_not_there_yet_has_a_hint(tmp_path: Path) -> None:
    """A table of ebb's own that no run has made, or that wants --personal, is not just unknown."""
    fill(str(tmp_path / "lake"), "analytics/service_log", [row(1, "2026-09-01", None, None)])
    with Analyst(lake_tables(str(tmp_path / "lake"))) as opened:
        for sql, words in (
            ("FROM equipment", "no run of equipment yet"), ("FROM Personal_Service_Log", "--personal"),
            ("FROM service_logs", "does not exist"), ("SELECT nothing FROM service_log", "not found"),
        ):  # fmt: skip
            with pytest.raises(UsageError, match=words):
                opened.ask(sql)


def test_hours_are_shown_in_the_time_zone_of_the_dates(analyst: Analyst) -> None:
    """An hour prints with +08:00, as the date beside it is one of +08:00, whatever the machine's zone."""
    assert analyst.ask("SELECT min(event_hour) FROM service_log").rows == [("2026-09-01T09:00:00+08:00",)]


def test_a_limit_says_that_there_is_more(analyst: Analyst) -> None:
    """Rows beyond the limit are left out, and the answer says so; at the limit it does not."""
    assert (len(analyst.ask("FROM service_log", 4).rows), analyst.ask("FROM service_log", 4).more) == (4, True)
    assert analyst.ask("FROM service_log", 5).more is False


def test_values_become_json(analyst: Analyst) -> None:
    """Decimals, dates, bytes, lists, structs, infinities and repeated names have a form in JSON."""
    answer = analyst.ask(
        "SELECT 1.50 AS a, 2.00 AS a, date '2026-01-02' AS d, 'x'::BLOB AS b, [1.5, NULL] AS l, "
        "{'k': date '2026-01-02'} AS s, 1e308 * 10 AS i, uuid() IS NULL AS n, interval 1 day AS v, sum(1) AS t"
    )
    assert json.loads(json.dumps(answer.records())) == [
        {"a": 1.5, "a_2": 2, "d": "2026-01-02", "b": "78", "l": [1.5, None], "s": {"k": "2026-01-02"}, "i": None,
         "n": False, "v": "1 day, 0:00:00", "t": 1}
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["event_key", "service_log.event_key", "COLUMNS('.*key.*')", "file_name", "filename", "__filename", "rowid"]
)
@pytest.mark.parametrize("table", ["service_log", "equipment", "personal_service_log"])
def test_keys_and_file_names_are_out_of_reach(analyst: Analyst, table: str, name: str) -> None:
    """No view has the event's key or the name of a file, by any of their names."""
    with pytest.raises(UsageError):
        analyst.ask(f"SELECT {name.replace('service_log', table)} FROM {table}")


def test_every_column_listed_is_one_of_the_views(analyst: Analyst) -> None:
    """The engine's own catalogue does not know `event_key` either."""
    names = analyst.ask("SELECT DISTINCT column_name FROM duckdb_columns() WHERE table_name LIKE '%service_log'").rows
    assert {name for (name,) in names} == set(SCHEMA.names) - {"event_key"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM read_json('/etc/passwd')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM glob('*')",
        "SELECT * FROM read_text(':memory:.wal')",
        "SELECT * FROM read_text('.tmp/x')",
        "SELECT * FROM delta_scan('/etc')",
        "SELECT * FROM '/etc/passwd'",
        'SELECT * FROM "/etc/passwd"',
        "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
        "SELECT * FROM query_table('/etc/passwd')",
        "SELECT * FROM secret_of_this_module",
        "SELECT * FROM SCHEMA",
        "SELECT * FROM analyst",
        "SELECT * FROM dataset",
        "SELECT * FROM duckdb_extensions()",
        "SELECT getenv('HOME')",
        "SELECT getvariable('x') FROM read_text('/etc/hostname')",
        "COPY service_log TO '/tmp/out.csv'",
        "COPY (SELECT 1) TO ':memory:.wal'",
        "COPY service_log FROM '/etc/passwd'",
        "ATTACH '/tmp/other.db'",
        "ATTACH ':memory:' AS other",
        "EXPORT DATABASE '/tmp/out'",
        "IMPORT DATABASE '/tmp/out'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "SET VARIABLE x = 1",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE SECRET s (TYPE s3)",
        "INSERT INTO service_log (system) VALUES ('x')",
        "DELETE FROM service_log",
        "UPDATE service_log SET system = 'x'",
        "DROP VIEW service_log",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
        "CHECKPOINT",
        "SELECT 1; DROP VIEW service_log",
        "PREPARE p AS SELECT 1",
    ],
)  # fmt: skip
def test_attacks_are_refused_and_leave_everything_as_it_was(analyst: Analyst, tmp_path: Path, sql: str) -> None:
    """Reading files, variables or settings and changing anything ends in a short sentence, and nothing has changed."""
    with pytest.raises(EbbError) as caught:
        analyst.ask(sql)
    assert isinstance(caught.value, RefusedError | UsageError)
    assert "Traceback" not in str(caught.value)
    assert "root:" not in str(caught.value)
    assert len(analyst.ask("FROM service_log").rows) == 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sql",
    ["COPY service_log TO '{folder}/out.csv'", "COPY (SELECT 1) TO ':memory:.wal'", "ATTACH '{folder}/other.db'",
     "EXPORT DATABASE '{folder}/out'", "LOAD httpfs", "SET enable_external_access = true", "RESET lock_configuration",
     "SET temp_directory = '{folder}'"],
)  # fmt: skip
def test_the_connection_is_locked_without_the_check_of_statements(analyst: Analyst, tmp_path: Path, sql: str) -> None:
    """Were a statement to slip through the check, the engine itself would still refuse it."""
    with pytest.raises(duckdb.Error):
        analyst._connection.execute(sql.format(folder=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_refusals_have_their_exit_code(home: Path) -> None:
    """A change is refused by policy (3), a slip in the SQL is a wrong call (2)."""
    refused = run(home, "query", "DROP VIEW service_log").exception
    slip = run(home, "query", "SELEC 1").exception
    assert isinstance(refused, RefusedError)
    assert isinstance(slip, UsageError)


def test_the_engines_own_tables_show_no_path(analyst: Analyst, home: Path) -> None:
    """Settings, views, databases and functions name neither the lake's folder nor any other of this machine."""
    answered = []
    for view in (
        "duckdb_settings()", "duckdb_databases()", "pragma_database_list", "duckdb_views()", "duckdb_tables()",
        "duckdb_secrets()", "duckdb_temporary_files()", "duckdb_logs()", "duckdb_variables()",
        "duckdb_external_file_cache()",
    ):  # fmt: skip
        try:
            text = json.dumps(analyst.ask(f"SELECT * FROM {view}").rows)
        except EbbError:
            continue
        for place in (str(home), "/tmp", "/root", "/home", ".duckdb/", str(home.parent)):
            assert place not in text, (view, place)
        assert "secret_of_this_module" not in text
        answered.append(view)
    assert {"duckdb_settings()", "duckdb_databases()", "duckdb_views()"} <= set(answered)


def test_views_name_no_variable_that_could_be_read(analyst: Analyst) -> None:
    """The scans behind the views cannot be called by name."""
    names = analyst.ask("SELECT sql FROM duckdb_views() WHERE sql LIKE '%python%'").rows
    assert names
    with pytest.raises(EbbError):
        analyst.ask("SELECT * FROM python_arrow_scan()")


def test_errors_quote_no_value(home: Path) -> None:
    """A conversion that fails names no row's value, since errors end up in logs."""
    with Analyst(lake_tables(str(home / "lake"))) as opened, pytest.raises(EbbError) as caught:
        opened.ask("SELECT device_id::INTEGER FROM service_log")
    assert "d1" not in str(caught.value)
    assert "d9" not in str(caught.value)
    assert "try_cast" in str(caught.value)


def test_personal_tables_need_to_be_asked_for(home: Path) -> None:
    """Without --personal they are not there under any name; with it they answer."""
    sql = "SELECT count(*) AS n FROM personal_service_log"
    assert isinstance(run(home, "query", sql).exception, UsageError)
    assert json.loads(run(home, "query", sql, "--personal", "--json").stdout) == [{"n": 1}]


def test_a_lake_without_tables_says_what_to_do(tmp_path: Path) -> None:
    """Before the first run query and catalog name the command that makes tables."""
    for arguments in (("query", "SELECT 1"), ("catalog",)):
        problem = run(tmp_path, *arguments).exception
        assert isinstance(problem, LakeError)
        assert "ebb run" in str(problem)
    assert json.loads(run(tmp_path, "catalog", "--json").stdout) == {"tables": []}


def test_query_prints_a_table_for_people(home: Path) -> None:
    """Names above values, nulls empty, every value whole."""
    output = run(home, "query", "SELECT event_date, device_id FROM service_log ORDER BY ALL").stdout
    assert output.splitlines()[0].split() == ["event_date", "device_id"]
    assert output.splitlines()[1].split() == ["2026-09-01", "d1"]
    assert "None" not in output


def test_catalog_lists_tables_with_their_extent(home: Path) -> None:
    """Each table has rows, first and last date and size; personal ones appear when asked for."""
    notes = {note["table"]: note for note in json.loads(run(home, "catalog", "--json").stdout)["tables"]}
    assert set(notes) == {"service_log", "equipment", "daily_devices"}
    log = notes["service_log"]
    assert (log["rows"], log["first_date"], log["last_date"]) == (5, "2026-09-01", "2026-09-02")
    assert log["bytes"] == sum(
        file.stat().st_size for file in (home / "lake/analytics/service_log").glob("event_date=*/*.parquet")
    )
    assert "personal_service_log" in run(home, "catalog", "--personal").stdout


@pytest.mark.parametrize(
    ("table", "column", "said"),
    [
        ("service_log", "device_id", "never across days"),
        ("service_log", "subject", "always null"),
        ("service_log", "ip_address", "by network"),
        ("service_log", "search_query_length", "never the words"),
        ("personal_service_log", "device_id", "half-year"),
        ("personal_service_log", "subject", "half-year"),
        ("daily_devices", "devices", "never add up"),
    ],
)
def test_catalog_says_what_a_column_can_answer(home: Path, table: str, column: str, said: str) -> None:
    """Every column has its class, what was done to it and what may be asked of it; event_key is not among them."""
    columns = json.loads(run(home, "catalog", table, "--json").stdout)["columns"]
    facts = {fact["column"]: fact for fact in columns}
    assert "event_key" not in facts
    assert said in facts[column]["ask"]
    assert facts[column]["treatment"]
    assert said in run(home, "catalog", table).stdout


def test_catalog_names_the_systems_of_a_column(home: Path) -> None:
    """Each column of a field has the systems whose policies name it; the table's own columns have none."""
    facts = {
        fact["column"]: fact for fact in json.loads(run(home, "catalog", "service_log", "--json").stdout)["columns"]
    }
    assert facts["device_id"]["systems"] == ["sepp"]
    assert facts["event_date"]["systems"] == []
    assert "  systems  sepp\n" in run(home, "catalog", "service_log").stdout


def test_catalog_of_an_unknown_table_names_the_known_ones(home: Path) -> None:
    """A slip in the name is answered with the names there are."""
    problem = run(home, "catalog", "servicelog").exception
    assert isinstance(problem, UsageError)
    assert "service_log, equipment, daily_devices" in str(problem)
