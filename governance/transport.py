"""Nothing of governance crosses a network in the clear (R-ADM-02), and no URL that is shown tells a password."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from governance.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import URL

_HERE = ("", "localhost", "127.0.0.1", "::1")
_ENCRYPTED = ("require", "verify-ca", "verify-full")


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
