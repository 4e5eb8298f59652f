"""The canary: planted identifiers are in no byte that a job writes, prints or hands to another process."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from governance.keys import Keyring, OpsKey, RootKey, open_sealed
from governance.policy import load_catalogue
from retention.stores.delta import open_table
from tests.canary.planting import Garden, Planter, access_log
from tests.canary.running import World, write_lines
from tests.canary.scanning import Planted, Scanner
from transforms.deid.letters import read_letter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.emulator import Emulator

CATALOGUE = load_catalogue()
COMMANDS = {"service_log": "service-logs", "equipment": "equipment"}
OPERATOR = ("--authorization", "operator", "--authorized-systems", ",".join(sorted(CATALOGUE.systems)))
AUTHORIZATIONS = {"none": (), "operator": OPERATOR}
CODES = {
    "AUDIO_NOT_INITIATED", "BIOMETRIC_PROHIBITED", "CONSENT_TOO_WEAK", "EVENT_TYPE_UNKNOWN", "POLICY_NONE",
    "PROVENANCE_MISSING", "SCHEMA_MALFORMED", "SCHEMA_TYPE", "SECRET_PROHIBITED", "TIME_IN_FUTURE", "TOO_LARGE",
}  # fmt: skip
"""Every kind of rejection that the planted lines are meant to meet."""


class Field:
    """The planted lines, the files they lie in, and the scanner that knows them all."""

    def __init__(self, folder: Path) -> None:
        garden = Garden()
        self.lines = {stream: Planter(garden, CATALOGUE, stream).lines() for stream in COMMANDS}
        self.log = access_log(garden)
        self.name = garden.text("a file's name").replace(" ", "_")
        self.attributes = {name: garden.text(f"attribute {name}") for name in ("format", "system", "position", "other")}
        self.attributes[garden.text("name of an attribute")] = "1"
        self.planted = garden.planted
        self.scanner = Scanner(garden.planted)
        self.files = {
            stream: write_lines(folder / f"{self.name}.{stream}.ndjson", lines) for stream, lines in self.lines.items()
        }
        self.log_file = folder / f"{self.name}.log.gz"
        self.log_file.write_bytes(gzip.compress(b"\n".join(self.log)))

    def assert_clean(self, world: World) -> None:
        """Assert that no byte of a world, and nothing its processes were told, holds a planted value."""
        world.move_keys_away()
        assert self.scanner.tree(world.folder) == {}
        assert self.scanner.find(b"\0".join(part for child in world.children for part in child)) == set()


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Field:
    """Return the planted lines."""
    return Field(tmp_path_factory.mktemp("planted"))


def drain(world: World, stream: str, source: str, *more: str, **given: Any) -> dict[str, Any]:
    """Run a job to the end of its source and return its report."""
    done = world.run("run", COMMANDS[stream], "--from", source, "--drain", "--json", *more, **given)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def embedded(field: Field, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[World, dict]]]:
    """Return, by authorization, a world in which both streams and an access log ran, and the jobs' reports."""
    folder = tmp_path_factory.mktemp("embedded")

    def run(name: str) -> tuple[World, dict[str, Any]]:
        world = World(folder / name)
        more = AUTHORIZATIONS[name]
        reports = {stream: drain(world, stream, f"files:{field.files[stream]}", *more) for stream in COMMANDS}
        if name == "operator":
            log = ("--format", "apache_combined", "--system", "sepp")
            reports["log"] = drain(world, "service_log", f"files:{field.log_file}", *log, *more)
        world.move_keys_away()
        return world, reports

    with ThreadPoolExecutor(2) as pool:
        yield dict(zip(AUTHORIZATIONS, pool.map(run, AUTHORIZATIONS), strict=True))


@pytest.mark.parametrize("authorization", AUTHORIZATIONS)
def test_no_planted_value_is_written(field: Field, embedded: dict[str, tuple[World, dict]], authorization: str) -> None:
    """Tables, their logs, dead letters, keyring, temporary files and what was printed hold no planted value."""
    field.assert_clean(embedded[authorization][0])


@pytest.mark.parametrize("authorization", AUTHORIZATIONS)
def test_the_planted_lines_went_every_way(
    field: Field, embedded: dict[str, tuple[World, dict]], authorization: str
) -> None:
    """The lines became rows of every system, every kind of dead letter, and drops: the canary was really there."""
    world, reports = embedded[authorization]
    for stream in COMMANDS:
        report = reports[stream]
        assert report["read"] == len(field.lines[stream])
        assert set(report["dead_letters"]) >= CODES
        stored = report["rows"] + report["personal"]
        assert report["read"] == stored + sum(report["dead_letters"].values()) + sum(report["dropped"].values())
        path = "personal" if authorization == "operator" else "analytics"
        rows = open_table(f"{world.home}/lake/{path}/{stream}").dataset().to_table(columns=["system", "ip_address"])
        full = rows.filter(pads.field("ip_address").is_valid())
        assert set(rows["system"].to_pylist()) == CATALOGUE.systems
        naming = {pack.system for pack in CATALOGUE.packs if "ip_address" in pack.names}
        assert set(full["system"].to_pylist()) == naming
    if "log" in reports:
        assert reports["log"]["read"] == len(field.log)
        assert reports["log"]["dead_letters"] == {"SCHEMA_MALFORMED": len(field.log) // 2}


def test_no_private_key_is_written(embedded: dict[str, tuple[World, dict]]) -> None:
    """Root key and ops key are in their own two files alone: not in the sealed payloads, the lake or the keyring."""
    for world, _ in embedded.values():
        secrets = [(name, bytes.fromhex(text.decode())) for name, text in world.keys.items()]
        assert len(secrets) == 2
        assert Scanner.of_bytes(secrets).tree(world.folder) == {}


def test_sealed_payloads_open_with_the_ops_key_alone(field: Field, embedded: dict[str, tuple[World, dict]]) -> None:
    """A dead letter holds its line for who has the ops key; without it, neither line nor key is to be seen."""
    world, _ = embedded["none"]
    root, ops = (bytes.fromhex(world.keys[name].decode()) for name in ("root.key", "ops.key"))
    keyring = Keyring.open(f"sqlite:///{world.home}/keyring.sqlite", RootKey(root))
    letters = open_table(f"{world.home}/lake/dead_letters").dataset().to_table().to_pylist()
    sealed = [letter for letter in letters if letter["sealed"]]
    assert not Scanner.of_bytes([("ops", ops)]).find(b"".join(letter["sealed"] for letter in sealed))
    opened = {
        read_letter(
            open_sealed(
                OpsKey(ops), keyring, purpose="dead_letters", day=letter["day"], wrapped_key=letter["wrapped_key"],
                sealed=letter["sealed"], associated=letter["event_key"],
            )
        ).line
        for letter in sealed[:40]
    }  # fmt: skip
    assert opened <= {line for lines in (*field.lines.values(), field.log) for line in lines}
    assert all(field.scanner.find(line) for line in opened if len(line) > 100)
    destroyed = {letter["code"] for letter in letters if not letter["sealed"]}
    assert destroyed == {"SECRET_PROHIBITED", "BIOMETRIC_PROHIBITED", "TOO_LARGE"}


@pytest.mark.emulator
def test_messages_and_their_attributes(field: Field, emulator: Emulator, tmp_path: Path) -> None:
    """Identifiers in attributes, positions and unknown formats of messages are as safe as those in their data."""
    messages = [(b"\n".join(lines[:200]), {"position": f"{field.name}:0"}) for lines in field.lines.values()]
    messages += [(line, {"format": "apache_combined", "system": "sepp"}) for line in field.log]
    messages += [(line, {"format": "apache_combined", "system": field.attributes["system"]}) for line in field.log]
    messages += [(line, field.attributes) for line in field.lines["service_log"][:20]]
    messages += [(line, {"format": "gdpr_sample", "system": "sepp"}) for line in field.lines["service_log"][:20]]
    topic, subscription = emulator.new_topic("canary")
    emulator.publish(topic, messages)
    world = World(tmp_path / "world")
    source = f"pubsub:{emulator.project}/{subscription}"
    report = drain(world, "service_log", source, "--quiet", "1")
    assert report["read"] == 400 + 2 * len(field.log) + 40
    field.assert_clean(world)


STEPS = ("read", "decode", "classify", "gate", "deidentify", "commit")
COMMON_STEPS = ("read", "deidentify")


@pytest.mark.parametrize("step", [pytest.param(s, marks=() if s in COMMON_STEPS else pytest.mark.slow) for s in STEPS])
def test_an_error_that_quotes_values_says_nothing(field: Field, tmp_path: Path, step: str) -> None:
    """A step that raises an error full of values ends in one sentence, without a value and without a traceback."""
    world = World(tmp_path / "world")
    given = ("run", "service-logs", "--from", f"files:{field.files['service_log']}", "--drain")
    done = world.run(*given, fault=step)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("ebb: ")
    assert "Traceback" not in done.stderr
    field.assert_clean(world)


def test_a_full_disk_says_nothing(field: Field, tmp_path: Path) -> None:
    """When the disk fills up between two commits, what was printed and left behind holds no value."""
    world = World(tmp_path / "world")
    given = ("run", "service-logs", "--from", f"files:{field.files['service_log']}", "--drain", "--max-events", "100")
    done = world.run(*given, fault="full")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert open_table(f"{world.home}/lake/analytics/service_log").transaction("service_log") == 1
    field.assert_clean(world)


def test_a_damaged_lake_says_nothing(field: Field, tmp_path: Path) -> None:
    """When a folder of the lake cannot be written to, what was printed and left behind holds no value."""
    world = World(tmp_path / "world")
    drain(world, "equipment", f"files:{field.files['equipment']}")
    table = world.home / "lake" / "analytics" / "equipment"
    for folder in table.glob("event_date=*"):
        folder.rename(folder.with_suffix(".away"))
        folder.touch()
    extra = field.files["equipment"].with_suffix(".more")
    extra.write_bytes(b"\n".join(line for line in reversed(field.lines["equipment"])))
    done = world.run("run", "equipment", "--from", f"files:{extra}", "--drain")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    field.assert_clean(world)


@pytest.mark.prism
@pytest.mark.slow
@pytest.mark.parametrize("authorization", AUTHORIZATIONS)
@pytest.mark.parametrize("stream", COMMANDS)
def test_prism_writes_no_planted_value(
    field: Field, prism: Path, tmp_path: Path, stream: str, authorization: str
) -> None:
    """On Prism too, with what it stages, logs and is told at its start."""
    world = World(tmp_path / "world")
    more = ("--runner", "prism", *AUTHORIZATIONS[authorization])
    report = drain(world, stream, f"files:{field.files[stream]}", *more)
    assert report["read"] == len(field.lines[stream])
    assert any(str(prism).encode() in command for command, _ in world.children)
    field.assert_clean(world)
    keys = [(name, bytes.fromhex(text.decode())) for name, text in world.keys.items()]
    assert Scanner.of_bytes(keys).tree(world.folder) == {}


@pytest.mark.prism
@pytest.mark.slow
@pytest.mark.usefixtures("prism")
def test_a_root_key_in_the_environment_stays_with_ebb(field: Field, tmp_path: Path) -> None:
    """A root key that came by the environment is in no file, and not in the environment of the engine."""
    world, root = World(tmp_path / "world"), bytes(range(7, 39))
    more = {"environment": {"EBB_ROOT_KEY": root.hex()}}
    drain(world, "equipment", f"files:{field.files['equipment']}", "--runner", "prism", **more)
    scanner = Scanner.of_bytes([("root key", root)])
    assert scanner.tree(world.folder) == {}
    # A child that was forked and has not become another program yet is ebb still, environment and all.
    others = [child for child in world.children if b"pipelines.cli" not in child[0] and b"/ebb\0" not in child[0]]
    assert any(b"prism" in line for line, _ in others)
    told = [line for line, environment in others if scanner.find(line + b"\0" + environment)]
    assert told == []


@pytest.mark.prism
@pytest.mark.slow
@pytest.mark.parametrize("step", COMMON_STEPS)
@pytest.mark.usefixtures("prism")
def test_prism_hides_errors_that_quote_values(field: Field, tmp_path: Path, step: str) -> None:
    """On Prism an error full of values reaches neither the terminal nor the engine's own log."""
    world = World(tmp_path / "world")
    given = ("run", "service-logs", "--from", f"files:{field.files['service_log']}", "--drain", "--runner", "prism")
    done = world.run(*given, fault=step)
    assert done.returncode == 1
    field.assert_clean(world)


def _as_log(text: bytes, path: Path) -> None:
    path.with_suffix(".json").write_bytes(b'{"commitInfo":{"x":"' + text + b'"}}\n')


def _as_column(text: bytes, path: Path) -> None:
    pq.write_table(pa.table({"a": ["x" * 400, text]}, pa.schema([("a", pa.binary())])), path, compression="zstd")


def _as_unused_word(text: bytes, path: Path) -> None:
    words = pa.array([b"x" * 400, text], pa.binary())
    column = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int32()), words)
    pq.write_table(pa.table({"a": column}), path, compression="zstd", write_statistics=False)


def _as_footer(text: bytes, path: Path) -> None:
    schema = pa.schema([pa.field("a", pa.int8(), metadata={b"seen": text})])
    pq.write_table(pa.table({"a": [1]}, schema), path)


def _as_row(text: bytes, path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("create table t (a blob)")
        database.execute("insert into t values (?)", (text,))
    database.close()


def _as_gzip(text: bytes, path: Path) -> None:
    path.write_bytes(gzip.compress(b"a log\n" + text))


HIDING: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "lower": lambda text: text.lower().encode(),
    "within": lambda text: b"x" + text.encode() + b"y",
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 within": lambda text: base64.urlsafe_b64encode(b"ab" + text.encode() + b"c"),
    "hex": lambda text: text.encode().hex().upper().encode(),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "reversed": lambda text: text[::-1].encode(),
    "SHA-256": lambda text: hashlib.sha256(text.encode()).hexdigest().encode(),
    "SHA-1": lambda text: hashlib.sha1(text.encode()).digest(),
    "MD5": lambda text: hashlib.md5(text.lower().encode()).hexdigest().upper().encode(),
}


@pytest.mark.parametrize("place", [_as_log, _as_column, _as_unused_word, _as_footer, _as_row, _as_gzip])
@pytest.mark.parametrize("hide", HIDING)
def test_the_scanner_finds_what_is_hidden(tmp_path: Path, hide: str, place: Callable[[bytes, Path], None]) -> None:
    """A value that somebody did write is found in every kind of file and every trivial form."""
    scanner = Scanner([Planted("a field", "王伟 Qxzvkabcde 739184600001", ("Qxzvkabcde", "739184600001"))])
    place(HIDING[hide]("739184600001" if hide.startswith("base64") else "Qxzvkabcde"), tmp_path / "file.parquet")
    assert scanner.tree(tmp_path)
    clean = tmp_path / "clean"
    clean.mkdir()
    place(HIDING[hide]("Qxzvkother"), clean / "file.parquet")
    assert scanner.tree(clean) == {}


def test_a_leaky_job_is_found(field: Field, tmp_path: Path) -> None:
    """A job that writes the beginning of its first line into one column of one table does not pass the canary."""
    world = World(tmp_path / "world")
    drain(world, "equipment", f"files:{field.files['equipment']}", fault="leak")
    world.move_keys_away()
    found = field.scanner.tree(world.folder)
    assert any("analytics/equipment/event_date" in name for name in found)
    assert not any("personal" in name for name in found)
