"""URL paths as templates."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.url_path import template_pattern, url_path


def _path(url: str | None, *templates: str, host: bool = False) -> str | None:
    return url_path(pa.array([url], pa.string()), host=host, templates=templates).to_pylist()[0]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://www.example.com/product/1234567/steel.html?sid=8f3a&q=1", "/product/*/steel.html"),
        ("/search?q=13800138000", "/search"),
        ("/a/b#contact-zhang", "/a/b"),
        ("/cart;jsessionid=1A2B3C/show", "/cart/show"),
        ("/user/zhang@example.com/", "/user/*/"),
        ("/%E6%B0%B4/pump", "/*/pump"),
        ("/水泵/pump", "/*/pump"),
        ("/user/%7ajohn", "/user/*"),
        ("/" + "a" * 24 + "/" + "b" * 25, "/" + "a" * 24 + "/*"),
        ("/k=v/x:y/a,b", "/*/*/*"),
        ("https://zhang:secret@www.example.com/a", "/a"),
        ("https://www.example.com", "/"),
        ("?q=1", "/"),
        ("//cdn.example.com/lib.js", "/lib.js"),
        ("mailto:zhang@example.com", "*"),
        ("data:text/plain;base64,QUJD/REVG", "*"),
        ("javascript:alert", "*"),
        ("localhost:8080/a", "*"),
        ("/a\nb/c", "/*/c"),
        ("/x" * 40, "/x" * 15 + "/*"),
        (None, None),
    ],
)
def test_only_harmless_segments_stay(url: str | None, path: str | None) -> None:
    """Query, fragment, parameters, user and odd segments go."""
    assert _path(url) == path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://WWW.Example.COM:8443/Buy?x=1", "www.example.com/Buy"),
        ("http://10.1.2.3/a", "ip/a"),
        ("http://[2001:db8::1]:80/a", "ip/a"),
        ("http://2130706433/a", "ip/a"),
        ("http://0x7f.1/a", "ip/a"),
        ("https://u13800138000.example.com/", "*.example.com/"),
        ("https://u138001380/", "*/"),
        ("https://zhang:secret@shop.example.com/a", "shop.example.com/a"),
        ("https://zhang:secret/word@shop.example.com/a", "*/*/a"),
        ("https://www.163.com.", "www.163.com/"),
        ("/relative", "/relative"),
    ],
)
def test_host_comes_first_if_asked(url: str, path: str) -> None:
    """The host is lower-cased, without port and user; an address is `ip`, an odd label `*`."""
    assert _path(url, host=True) == path


def test_a_registered_template_wins() -> None:
    """The first template that matches the path is written in its stead."""
    templates = ("/product/{id}/{name}.html", "/product/{id}/{any}")
    assert _path("https://x.com/product/1234567/steel-tube.html?sid=1", *templates) == "/product/{id}/{name}.html"
    assert _path("/product/1234567/水泵.html", *templates) == "/product/{id}/{name}.html"
    assert _path("/product/1/2", *templates) == "/product/{id}/{any}"
    assert _path("/product/1/2/3", *templates) == "/product/*/*/*"


def test_a_template_is_taken_literally() -> None:
    """Signs in a template stand for themselves."""
    assert template_pattern("/a.b+c/{x}") == r"^/a\.b\+c/[^/]+$"
    assert _path("/axb+c/1", "/a.b+c/{x}") == "/*/*".replace("/*", "/axb+c", 1)
