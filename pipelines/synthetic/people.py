"""Pools of invented people and of what they type, built once per run from a seed.

Everything a person could be recognised by comes from Faker in several languages, so that free text holds what real
free text holds: names, phone numbers, e-mail addresses and identity numbers between ordinary words.
"""

# ruff: noqa: PLR2004 - the shares of invented traffic stand where they are drawn

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from faker import Faker
from stdnum.cn import ric

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

LOCALES = ("zh_CN", "en_US", "de_DE", "ja_JP", "es_ES", "ru_RU")
LANGUAGES = ("zh-CN", "en-US", "de-DE", "ja", "es", "ru-RU")
_WEIGHTS = (46, 26, 8, 8, 7, 5)
_EACH = 150
_BORN = (date(1940, 1, 1), date(2007, 12, 31))

_WORDS_EN = (
    "steel pipe", "led lamp", "solar panel", "ball valve", "centrifugal pump", "roller bearing", "gear motor",
    "glass bottle", "cotton fabric", "cnc machine", "packaging box", "lithium battery", "hydraulic hose", "pvc film",
    "forklift", "spare parts", "wholesale", "supplier", "factory price", "stainless 304", "m8 bolts 5000 pcs",
    "iphone case", "12v relay", "oem",
)  # fmt: skip
_WORDS_ZH = (
    "水泵", "轴承", "太阳能板", "电缆", "不锈钢管", "齿轮电机", "玻璃瓶", "棉布", "数控机床", "包装盒", "锂电池",
    "液压软管", "批发", "厂家直销",
)  # fmt: skip
_WORDS_OTHER = (
    "Schrauben M8", "Wasserpumpe", "Stahlrohr", "ベアリング", "太陽光パネル", "ステンレス鋼", "bomba de agua",
    "tubo de acero", "насос", "подшипник", "стальная труба",
)  # fmt: skip

_PLANTS_ZH = (
    "{words} 电话{mobile}谢谢",
    "找{name}的{words}",
    "{words}，联系人{name}，手机：{mobile}",
    "{resident}是我的身份证号",
    "{words} 发到{email}",
    "微信{mobile} {words}急用",
)
_PLANTS = (
    "{words} call {phone}",
    "{words} {email}",
    "quote for {words}, contact {name}, tel {phone}",
    "{name} {words}",
    "{words} passport/id {resident}",
    "send {words} to {email} asap",
)

PLACES: tuple[tuple[str, float, float], ...] = (
    ("Nanjing", 32.06, 118.78), ("Chengdu", 30.66, 104.06), ("Shenzhen", 22.55, 114.06), ("Yiwu", 29.31, 120.07),
    ("Berlin", 52.52, 13.40), ("Osaka", 34.69, 135.50), ("Chicago", 41.88, -87.63), ("Madrid", 40.42, -3.70),
    ("Kazan", 55.79, 49.12), ("Lagos", 6.52, 3.38),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """What one language's people are called and write."""

    names: Sequence[str]
    emails: Sequence[str]
    phones: Sequence[str]
    accounts: Sequence[str]


class People:
    """Pools of names, contact data and texts."""

    places = PLACES

    def __init__(self, rng: random.Random, seed: str) -> None:
        self._rng = rng
        self._words = [_words(locale, f"{seed}/{locale}") for locale in LOCALES]
        chinese = Faker("zh_CN")
        chinese.seed_instance(f"{seed}/resident")
        self._residents = [_resident(chinese) for _ in range(_EACH)]
        self.family_names = [words.names[i].split()[-1] for words in self._words for i in range(0, _EACH, 10)]

    def locale(self) -> int:
        """Return the number of a language, drawn as visitors are."""
        return self._rng.choices(range(len(LOCALES)), _WEIGHTS)[0]

    def account(self, locale: int) -> str:
        """Return an account as members sign in: mostly a number, at times a chosen name or an e-mail address."""
        rng = self._rng
        dice = rng.random()
        if dice < 0.7:
            return f"u{rng.randrange(10**9):09d}"
        pool = self._words[locale].accounts if dice < 0.88 else self._words[locale].emails
        user = rng.choice(pool)
        return f"{user}{rng.randrange(1000)}" if dice < 0.88 else user

    def query(self, locale: int) -> str:
        """Return a search query; one in twenty holds personal data."""
        rng = self._rng
        pool = _WORDS_ZH if locale == 0 else _WORDS_EN if locale == 1 or rng.random() < 0.4 else _WORDS_OTHER
        count = rng.randrange(1, 4)
        words = " ".join([rng.choice(pool) for _ in range(count)])
        return words if rng.random() < 0.95 else self.plant(words, locale)

    def plant(self, words: str, locale: int) -> str:
        """Return `words` within a sentence that names a person."""
        rng = self._rng
        texts = self._words[locale]
        return rng.choice(_PLANTS_ZH if locale == 0 else _PLANTS).format(
            words=words,
            name=rng.choice(texts.names),
            email=rng.choice(texts.emails),
            phone=rng.choice(texts.phones),
            mobile=f"1{rng.choice('3578')}{rng.randrange(10**9):09d}",
            resident=rng.choice(self._residents),
        )

    def name(self, locale: int) -> str:
        """Return a person's name."""
        return self._rng.choice(self._words[locale].names)

    def email(self, locale: int) -> str:
        """Return an e-mail address."""
        return self._rng.choice(self._words[locale].emails)

    def resident_id(self) -> str:
        """Return a number with the form and the checksum of a mainland identity number."""
        return self._rng.choice(self._residents)


def _resident(fake: Faker) -> str:
    """Return an identity number; Faker's own counts birthdays back from today, and is another one tomorrow."""
    drawn, born = fake.ssn(), fake.date_between_dates(_BORN[0], _BORN[1])
    body = f"{drawn[:6]}{born:%Y%m%d}{drawn[14:17]}"
    return body + ric.calc_check_digit(body)


def _words(locale: str, seed: str) -> Words:
    fake = Faker(locale)
    fake.seed_instance(seed)
    return Words(
        names=[fake.name() for _ in range(_EACH)],
        emails=[fake.ascii_safe_email() for _ in range(_EACH)],
        phones=[fake.phone_number() for _ in range(_EACH)],
        accounts=[fake.user_name() for _ in range(_EACH)],
    )
