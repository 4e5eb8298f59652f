"""Truncate an address: `83.149.9.216` becomes `83.149.0.0/16`; what is no address becomes null.

Plain IPv4 addresses, nearly all of a log, go through one regular expression in Arrow. Everything else is parsed by
the standard library. An IPv6 address that carries an IPv4 one (mapped, 6to4) is cut as that IPv4 address: a /48 of
6to4 would hold all of it.
"""

from __future__ import annotations

import ipaddress
import re

import pyarrow as pa
import pyarrow.compute as pc

from transforms.deid.columns import each

_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
PLAIN_V4 = rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}$"
_WHOLE_OCTETS = {0: "0.0.0.0/0", 8: r"\1.0.0.0/8", 16: r"\1.\2.0.0/16", 24: r"\1.\2.\3.0/24"}
_BRACKETED = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?")
_V4_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
_LONGEST = 128


def truncate_ip(values: pa.Array, *, v4: int, v6: int) -> pa.Array:
    """Return the network of `v4` or `v6` bits that holds each address, null where there is none."""
    if v4 not in _WHOLE_OCTETS:
        return each(values, lambda text: truncate(text, v4, v6))
    plain = pc.match_substring_regex(values, PLAIN_V4)
    networks = pc.replace_substring_regex(values, PLAIN_V4, _WHOLE_OCTETS[v4])
    if pc.all(plain, min_count=0).as_py():
        return networks
    rest = each(values.filter(pc.invert(plain)), lambda text: truncate(text, v4, v6))
    return pc.replace_with_mask(networks, pc.fill_null(pc.invert(plain), False), rest)  # noqa: FBT003 - Arrow's


def truncate(text: str, v4: int, v6: int) -> str | None:
    """Return the network of one address, written with or without brackets, port or zone."""
    address = parse_address(text)
    if address is None:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(address), v6), strict=False))
    return str(ipaddress.IPv4Network((int(address), v4), strict=False))


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address; the IPv4 one that an IPv6 one carries. None if the text is none."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    match = _BRACKETED.fullmatch(text) or _V4_PORT.fullmatch(text)
    bare = (match[1] if match else text).partition("%")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address
