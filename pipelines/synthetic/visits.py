"""Who visits what: visitors with devices, pages, and the values that one event carries."""

# ruff: noqa: PLR2004 - the shares of invented traffic stand where they are drawn

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.synthetic.devices import make_device
from pipelines.synthetic.people import LANGUAGES, People

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_SITES = {
    "mic_global": "www.trade-global.example",
    "mic_domestic": "www.trade-cn.example",
    "sepp": "www.procurement.example",
    "index_site": "www.index.example",
}
_STATUS = (200,) * 88 + (304,) * 5 + (404,) * 4 + (302, 500, 403)
_METHODS = ("GET",) * 92 + ("POST",) * 7 + ("HEAD",)
_OPERATIONS = ("add_to_compare", "open_gallery", "sort_by_price", "filter_region", "login", "logout")
_ABNORMAL = ("E1042: page timed out", "E2001 login failed for {email}", "E5000: null pointer", "W17: slow image")
_SLUGS = (
    "led-lamp", "steel-pipe", "pump", "valve", "solar-panel", "bearing", "cotton-fabric", "cnc-machine", "battery",
)  # fmt: skip
_REFERRERS = (
    "https://www.google.com/search?q=led+lamp&client=firefox",
    "https://www.baidu.com/s?wd=%E6%B0%B4%E6%B3%B5",
    "https://www.bing.com/",
    "android-app://com.tencent.mm",
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser or an app with a person behind it; `account` is shared by that person's devices."""

    account: str | None
    cookie: str
    device: dict[str, str]
    locale: int


class World:
    """Visitors and pages, with a long tail: few are busy, most are seen once."""

    def __init__(self, rng: random.Random, seed: str, events: int) -> None:
        self._rng = rng
        self.people = People(rng, seed)
        size = max(40, min(8_000, events // 5))
        accounts = [self._account() for _ in range(size)]
        self._visitors = [self._visitor(accounts[number * 2 // 3]) for number in range(size)]
        self._paths = [self._path() for _ in range(max(100, min(20_000, events // 3)))]
        self._makers: dict[str, Callable[[Visitor, str], Any]] = {
            "page_url": self._page,
            "referrer": self._referrer,
            "http_status": lambda _visitor, _site: rng.choice(_STATUS),
            "response_bytes": lambda _visitor, _site: int(rng.random() ** 4 * 2_000_000) + 180,
            "http_method": lambda _visitor, _site: rng.choice(_METHODS),
            "remote_user": lambda visitor, _site: visitor.account or "-",
            "operation_info": lambda _visitor, _site: rng.choice(_OPERATIONS),
            "abnormal_info": lambda visitor, _site: rng.choice(_ABNORMAL).format(email=self._email(visitor)),
            "bot_check_result": lambda _visitor, _site: rng.choice(("passed", "passed", "failed", "not_asked")),
            "search_query": lambda visitor, _site: self.people.query(visitor.locale),
            "search_keyword": lambda visitor, _site: self.people.query(visitor.locale),
            "ui_language": lambda visitor, _site: LANGUAGES[visitor.locale],
            "cookie_id": lambda visitor, _site: visitor.cookie,
            "cookie_site_name": lambda _visitor, site: site,
            "cookie_value": lambda visitor, _site: f"sid={visitor.cookie[::-1]}; path=/",
            "follow_up_id": lambda visitor, _site: f"rv-{visitor.cookie[:12]}",
        }

    def visitor(self) -> Visitor:
        """Draw a visitor; the first hundredth makes about a sixth of all visits."""
        return self._visitors[int(len(self._visitors) * self._rng.random() ** 2.5)]

    def value(self, name: str, visitor: Visitor, system: str) -> Any:
        """Return a value for field `name` of an event of this visitor on this system's site."""
        if (fixed := visitor.device.get(name)) is not None:
            return fixed
        site = _SITES.get(system, "www.site.example")
        maker = self._makers.get(name)
        return self._remark(name, visitor) if maker is None else maker(visitor, site)

    def _account(self) -> tuple[str | None, int]:
        locale = self.people.locale()
        return (self.people.account(locale) if self._rng.random() < 0.65 else None), locale

    def _visitor(self, who: tuple[str | None, int]) -> Visitor:
        account, locale = who
        return Visitor(account, self._rng.randbytes(12).hex(), make_device(self._rng, self.people), locale)

    def _path(self) -> str:
        rng = self._rng
        slug = rng.choice(_SLUGS)
        return rng.choice((f"/product/{rng.randrange(10**7)}/{slug}.html", f"/category/{slug}", f"/supplier/{slug}-co"))

    def _page(self, visitor: Visitor, site: str) -> str:
        rng = self._rng
        path = self._paths[int(len(self._paths) * rng.random() ** 3)]
        dice = rng.random()
        if dice < 0.5:
            return f"https://{site}{path}"
        if dice < 0.95:
            return f"https://{site}{path}?sid={rng.getrandbits(64):x}&page={rng.randrange(9)}"
        return f"https://{site}/member/{visitor.account or visitor.cookie}?mail={self._email(visitor)}"

    def _referrer(self, visitor: Visitor, site: str) -> str:
        return self._rng.choice(_REFERRERS) if self._rng.random() < 0.4 else self._page(visitor, site)

    def _email(self, visitor: Visitor) -> str:
        return self.people.email(visitor.locale)

    def _remark(self, name: str, visitor: Visitor) -> str:
        """Return a text for a field that has no form of its own; one in ten names a person."""
        text = f"{name}:{self._rng.choice(_SLUGS)}"
        return text if self._rng.random() < 0.9 else self.people.plant(text, visitor.locale)
