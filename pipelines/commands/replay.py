"""`ebb replay`: real log files become Pub/Sub messages."""

from __future__ import annotations

import glob
from dataclasses import asdict
from pathlib import Path

import click

from governance.errors import EbbError, UsageError, counted
from pipelines.endpoints import FilesEndpoint, PubSubEndpoint, check_name, parse_endpoint
from pipelines.options import common, emit_json


@click.command(
    epilog="Example: ebb replay access.log* --format apache_combined --system index_site "
    "--to pubsub:my-project/logs --subscription logs-sub"
)
@click.argument("files", nargs=-1, required=True)
@click.option("--format", "format_", required=True, help="Record format: native, apache_combined, or a mapping's.")
@click.option("--system", help="System that owns the lines, where the format carries none.")
@click.option("--to", "target", required=True, metavar="pubsub:PROJECT/TOPIC", help="Topic to publish to.")
@click.option("--subscription", metavar="NAME", help="Make this subscription too, on the emulator.")
@common
def replay(
    *,
    files: tuple[str, ...],
    format_: str,
    system: str | None,
    target: str,
    subscription: str | None,
    home: Path,  # noqa: ARG001 - shared by all commands
    packs: Path | None,  # noqa: ARG001
    as_json: bool,
) -> None:
    """Publish real log FILES as messages, byte for byte.

    FILES are paths or files:GLOB; gzip and zstd files are published as their content. Each message carries the
    position of its first line, so that replaying a file twice stores its lines once.
    """
    from pipelines.progress import Stopwatch, counting
    from pipelines.publish import Published, pack_file, prepare, publish
    from transforms.deid.decode import check_system

    endpoint = parse_endpoint(target)
    if not isinstance(endpoint, PubSubEndpoint):
        raise UsageError("--to needs a topic: pubsub:PROJECT/TOPIC")
    if subscription is not None:
        check_name(subscription)
    check_system(format_, system)
    paths = _expand(files)
    for made in prepare(endpoint, subscription):
        click.echo(f"made on the emulator: {made}", err=True)
    attributes = {"format": format_} | ({"system": system} if system else {})
    total = Published()
    watch = Stopwatch()
    with counting("publishing lines") as progress:
        for path in paths:
            long_lines: list[int] = []
            sent = publish(endpoint, pack_file(path, long_lines.append), attributes, progress)
            total.lines += sent.lines
            total.messages += sent.messages
            total.bytes += sent.bytes
            total.too_long += len(long_lines)
            for offset in long_lines:
                click.echo(f"{path}: the line at byte {offset} is too long for a message, left out", err=True)
    _report(total, len(paths), watch.seconds, as_json=as_json)
    if total.too_long:
        raise EbbError(f"too long for a message, and not sent: {counted(total.too_long, 'line')}")


def _expand(files: tuple[str, ...]) -> list[Path]:
    """Return the files that the arguments name, each once, in their order."""
    paths: dict[Path, None] = {}
    for text in files:
        if not text.startswith("files:"):
            path = Path(text).expanduser()
            if not path.is_file():
                raise UsageError(f"there is no file {text}")
            paths[path] = None
            continue
        endpoint = parse_endpoint(text)
        assert isinstance(endpoint, FilesEndpoint)
        names = glob.glob(str(endpoint.path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        if endpoint.path.is_dir():
            raise UsageError(f"{endpoint.pattern} is a folder: use files:{endpoint.pattern.rstrip('/')}/*")
        found = sorted(path for path in map(Path, names) if path.is_file())
        if not found:
            raise UsageError(f"no file matches {endpoint}")
        paths.update(dict.fromkeys(found))
    return list(paths)


def _report(total: object, files: int, seconds: float, *, as_json: bool) -> None:
    from pipelines.publish import Published

    assert isinstance(total, Published)
    if as_json:
        emit_json({"files": files, **asdict(total), "seconds": round(seconds, 3)})
        return
    lines, messages = counted(total.lines, "line"), counted(total.messages, "message")
    click.echo(
        f"published {lines} of {counted(files, 'file')} in {messages}, "
        f"{total.bytes / 2**20:,.1f} MiB, {total.lines / seconds:,.0f} lines/s"
    )
