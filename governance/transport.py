"""The way to governance's databases: never in the clear (R-ADM-02), no password shown, and why none is reached."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from governance.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import URL
    from sqlalchemy.exc import DBAPIError

_HERE = ("", "localhost", "127.0.0.1", "::1")
_ENCRYPTED = ("require", "verify-ca", "verify-full")
_NO_CONNECTION = ("connection failed", "connection is bad", "connection timeout", "failed to resolve host")
"""How PostgreSQL's driver begins where no connection was made."""
_REASONS = (
    ("connection refused|no such file or directory", "nothing listens there"),
    ("failed to resolve|could not translate", "the host is not known"),
    ("timeout|timed out|no route to host|unreachable", "it does not answer"),
    ('database "[^"]*" does not exist', "there is no such database"),
    ('role "|authentication|password|pg_hba', "it does not let this user in"),
    ("ssl|certificate", "it does not speak TLS as the URL wants it"),
    ("too many|starting up|shutting down|remaining connection", "it takes no connection now"),
)
"""What the driver says in small letters, and what is said instead: its own words name the user."""


def refuse_shown_password(url: URL, what: str) -> None:
    """Refuse a URL that tells a password where messages, which leave out the one before the host, would show it.

    Raises:
        UsageError: a parameter of the URL is a password.
    """
    if any("password" in name.lower() for name in url.query):
        raise UsageError(
            f"the {what}'s URL tells a password among its parameters, which messages would show: "
            "take it out, and keep it in a password file (PGPASSFILE)"
        )


def require_encryption(url: URL, what: str, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a URL by which `what` would be reached over a network without encryption.

    Args:
        url: of the database.
        what: ledger, keyring, store.
        environment: where PostgreSQL's own library, whoever calls it, finds what a URL leaves out. So it belongs to
            the URL, and is read here rather than handed through everything that opens a database.

    Raises:
        RefusedError: the server is on another machine, or a service file says where, and the URL does not insist on
            TLS.
    """
    if url.get_backend_name() == "sqlite":
        return
    if url.normalized_query.get("sslmode", ("",))[-1] not in _ENCRYPTED and _is_away(url, environment):
        raise RefusedError(
            f"the {what} would be reached without encryption: add sslmode=verify-full to its URL "
            "(sslmode=require encrypts without knowing whom it speaks to)"
        )


def why_unreached(problem: DBAPIError, url: URL) -> str | None:
    """Say where a server should be and why it was not reached; None for what went wrong with a connection.

    Args:
        problem: the database's error.
        url: of the database. Neither its password nor its user is told.
    """
    said = str(problem.orig).lower()
    if not said.startswith(_NO_CONNECTION):
        return None
    reason = next((words for pattern, words in _REASONS if re.search(pattern, said)), "no connection was made")
    query = url.normalized_query
    host = url.host or query.get("host", (os.environ.get("PGHOST") or "this machine",))[0]
    port = url.port or query.get("port", (os.environ.get("PGPORT") or "5432",))[0]
    return f"at {host}, port {port}, database {url.database or 'of the user'}, gives no connection: {reason}"


def _is_away(url: URL, environment: Mapping[str, str]) -> bool:
    """Tell whether any address, of those that may be meant, is not this machine's."""
    query = url.normalized_query
    around = environment if url.get_backend_name() == "postgresql" else {}
    if "service" in query or around.get("PGSERVICE"):
        return True
    named = [*filter(None, (url.host,)), *query.get("host", ())] or [around.get("PGHOST", "")]
    numbered = query.get("hostaddr") or (around.get("PGHOSTADDR", ""),)  # counts beside any host
    hosts = [host for given in (*named, *numbered) for host in given.split(",")]
    return any(host not in _HERE and not host.startswith("/") for host in hosts)
