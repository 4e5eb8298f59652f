"""Parts of a user agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import yaml

from transforms.deid.treatments.user_agent import user_agent
from transforms.deid.treatments.vocabulary import names

if TYPE_CHECKING:
    from pathlib import Path

CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/32.0.1700.77 Safari/537.36"
)


@pytest.mark.parametrize(
    ("agent", "browser", "system"),
    [
        (CHROME, "Chrome 32", "Mac OS X 10"),
        ("Mozilla/5.0 (Windows NT 6.1; WOW64; rv:27.0) Gecko/20100101 Firefox/27.0", "Firefox 27", "Windows 7"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot 2", "Other"),
        ("zhangbot/1.0 (zhang@example.com)", "Bot", "Other"),
        ("zhang.wei@example.com/1.0 CFNetwork/978.0.7 Darwin/18.5.0", "Other", "iOS 12"),
        ("ZhangWei/138 CFNetwork/978.0.7", "Other", "Other"),
        ("", "Other", "Other"),
        (None, None, None),
    ],
)
def test_family_and_major_version_stay(agent: str | None, browser: str | None, system: str | None) -> None:
    """Names that the string brings along are not written, whatever ua-parser makes of them."""
    browsers, systems = user_agent(pa.array([agent], pa.string()))
    assert browsers.to_pylist() == [browser]
    assert systems.to_pylist()[0] == system


def test_the_vocabulary_is_closed() -> None:
    """Names that rules spell out are known, those they copy are not."""
    assert {"Chrome", "Firefox", "Edge", "Safari", "Mobile Safari", "QQ Browser"} <= names("browser")
    assert {"Windows", "Mac OS X", "Android", "iOS", "Linux", "HarmonyOS", "FreeBSD"} <= names("os")
    assert {"Samsung", "Huawei", "Apple", "XiaoMi"} <= names("brand")
    assert not any("$" in name for kind in ("browser", "os", "brand") for name in names(kind))


@pytest.mark.samples
def test_real_agents_give_known_names_only(samples: Path) -> None:
    """Of 1,600 real strings, none gives a name outside the vocabulary."""
    cases = yaml.safe_load((samples / "devices" / "test_ua.yaml").read_text(encoding="utf-8"))["test_cases"]
    browsers, _ = user_agent(pa.array([case["user_agent_string"] for case in cases]))
    known = names("browser") | {"Other", "Bot"}
    for label in browsers.to_pylist():
        family, _, major = label.rpartition(" ")
        assert label in known or (family in known and len(major) <= 3)
