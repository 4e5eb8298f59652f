"""URL path: `https://h/product/123/steel.html?sid=9` becomes `/product/*/steel.html`.

Query, fragment, matrix parameters and user information go. A segment that holds a digit, an @, a percent sign, any
other sign beyond `._~+-`, a character outside ASCII, or more than 24 characters becomes `*`, and so does what follows
the 16th slash. Percent-encoding needs no decoding, since whatever it hides is gone. A template that the pack registers
wins over the rule for segments. All of it runs in Arrow.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from transforms.deid.columns import encode, spread

LONGEST_SEGMENT, MOST_SLASHES = 24, 16
_AUTHORITY = r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//([^/]*)"
_OPAQUE = r"^[A-Za-z][A-Za-z0-9+.-]*:(?:[^/]|/[^/]|/?$)"  # mailto:, data:, javascript:, urn:
_UNSAFE = r"[^/]*[^/A-Za-z._~+*-][^/]*"
_SIGN = re.compile(r"[!-.:-@\[-`{-~]")


def url_path(values: pa.Array, *, host: bool, templates: tuple[str, ...] = ()) -> pa.Array:
    """Return the path template of each URL.

    Args:
        values: URLs, absolute or not.
        host: write the lower-cased host before the path; an address as `ip`, an odd or odd-looking label as `*`.
        templates: such as `/product/{id}/{name}.html`, matched against the path, first one first.
    """
    bare = pc.utf8_trim_whitespace(values)
    for sign in ("?", "#"):
        bare = pc.list_element(pc.split_pattern(bare, sign, max_splits=1), 0)
    # Queries make URLs distinct: what is left repeats, and is treated once.
    repeated = encode(bare)
    return spread(_template(repeated.values, host=host, templates=templates), repeated.codes)


def _template(bare: pa.Array, *, host: bool, templates: tuple[str, ...]) -> pa.Array:
    path = pc.replace_substring_regex(bare, _AUTHORITY, "")
    path = pc.replace_substring_regex(path, r"(?s);[^/]*", "")
    path = pc.replace_substring_regex(path, r"^//+", "/")  # or it would read as a host the next time
    safe = pc.replace_substring_regex(path, rf"(?s){_UNSAFE}", "*")
    few = encode(safe)
    short = pc.replace_substring_regex(few.values, rf"[^/]{{{LONGEST_SEGMENT + 1},}}", "*")
    short = pc.replace_substring_regex(short, rf"^((?:[^/]*/){{{MOST_SLASHES}}}).+$", r"\1*")
    safe = spread(short, few.codes)
    for template in reversed(templates):
        safe = pc.if_else(pc.match_substring_regex(path, template_pattern(template)), template, safe)
    safe = pc.if_else(pc.equal(safe, ""), "/", safe)
    if host:
        safe = pc.binary_join_element_wise(_host(bare), safe, "")
    return pc.if_else(pc.match_substring_regex(bare, _OPAQUE), "*", safe)


def template_pattern(template: str) -> str:
    """Return the regular expression of a template: `{name}` stands for one segment or a part of one."""
    parts = re.split(r"\{[^{}/]*\}", template)
    return "^" + "[^/]+".join(_SIGN.sub(r"\\\g<0>", part) for part in parts) + "$"


def _host(bare: pa.Array) -> pa.Array:
    """Return `www.example.com`, `ip`, or nothing for a relative URL."""
    absolute = pc.match_substring_regex(bare, _AUTHORITY)
    name = pc.replace_substring_regex(bare, rf"(?s){_AUTHORITY}.*$", r"\1")
    name = pc.replace_substring_regex(name, r"(?s)^.*@", "")
    name = pc.ascii_lower(pc.replace_substring_regex(name, r"\.?(?::[0-9]*)?$", ""))
    address = pc.match_substring_regex(name, r"^\[|(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")
    dotted = pc.match_substring_regex(name, r"\.(?:[a-z]{2,24}|xn--[a-z0-9-]{1,20})$")
    well_formed = pc.match_substring_regex(name, r"^[^:\\%\s]{1,253}$")
    clean = pc.replace_substring_regex(name, r"(?s)[^.]*(?:[^a-z0-9_.-]|[0-9]{4})[^.]*", "*")
    clean = pc.replace_substring_regex(clean, rf"[^.]{{{LONGEST_SEGMENT + 1},}}", "*")
    clean = pc.if_else(pc.and_(dotted, well_formed), clean, "*")
    return pc.if_else(absolute, pc.if_else(address, "ip", clean), "")
