"""Nothing of governance crosses a network in the clear (R-ADM-02)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.errors import RefusedError

if TYPE_CHECKING:
    from sqlalchemy import URL

_HERE = ("", "localhost", "127.0.0.1", "::1")
_ENCRYPTED = ("require", "verify-ca", "verify-full")


def require_encryption(url: URL, what: str) -> None:
    """Refuse a URL by which `what` would be reached over a network without encryption.

    Raises:
        RefusedError: the server is on another machine, and the URL does not insist on TLS.
    """
    if url.get_backend_name() == "sqlite":
        return
    query = url.normalized_query
    hosts = [host for given in ((url.host or "",), query.get("host", ())) for one in given for host in one.split(",")]
    away = [host for host in hosts if host not in _HERE and not host.startswith("/")]
    if away and query.get("sslmode", ("",))[-1] not in _ENCRYPTED:
        raise RefusedError(
            f"the {what} would be reached without encryption: add sslmode=verify-full to its URL "
            "(sslmode=require encrypts without knowing whom it speaks to)"
        )
