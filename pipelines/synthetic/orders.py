"""Synthetic transactions: orders that are paid, delivered, refunded, disputed and closed, or left hanging.

Many orders live at once, so their events interleave; each is written when its time comes.
"""

# ruff: noqa: PLR2004 - the shares of invented traffic stand where they are drawn

from __future__ import annotations

import hashlib
import heapq
import random
from collections import deque
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from governance.errors import UsageError
from governance.policy.completion import CLOSED, CREATED, DELIVERED, DISPUTE_CLOSED, DISPUTED, PAID, REFUNDED
from pipelines.synthetic.defects import damage
from pipelines.synthetic.people import People

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from governance.policy import Catalogue

    Event = tuple[float, int, str, dict[str, Any]]

DAY = 86_400.0
_GOODS = (
    ("LED 灯具", "LED lamp"), ("不锈钢管", "stainless steel pipe"), ("水泵", "centrifugal pump"),
    ("轴承 6204", "roller bearing 6204"), ("棉布", "cotton fabric"), ("锂电池", "lithium battery"),
)  # fmt: skip
_METHODS = ("bank_transfer", "letter_of_credit", "alipay", "wechat_pay", "paypal")
_DISPUTES = ("货物与描述不符", "数量短缺，请补发", "goods arrived damaged", "wrong model delivered", "late delivery")
_CITIES = ("南京市江宁区", "成都市武侯区", "深圳市南山区", "义乌市稠城街道", "Berlin", "Osaka", "Chicago")
_PROHIBITED = (
    ("bank_card_number", "6222021234567890"), ("credit_card", "4111111111111111"), ("password", "hunter2"),
    ("facial_feature", "face-vector-17"), ("id_card_number", "11010119900307"), ("aml_info", "checked: no hit"),
)  # fmt: skip


def transactions(
    n: int,
    seed: int,
    start: datetime,
    catalogue: Catalogue,
    *,
    span: timedelta,
    systems: Sequence[str] = (),
    defects: float = 0.005,
) -> Iterator[bytes]:
    """Yield `n` events of orders as lines of JSON, the same for the same arguments, in the order of their times.

    Args:
        n: number of lines.
        seed: any integer.
        start: aware instant of the first order.
        catalogue: packs and inventory.
        span: no event is later than its end; orders that would go on longer are left hanging.
        systems: systems to take orders from; all whose policy names orders when empty.
        defects: share of lines that are damaged or repeated; one in fifty orders carries a prohibited field besides.
    """
    names = sorted(systems or catalogue.systems)
    call = f"transactions/{seed}/{start.astimezone(UTC)}/{n}/{span}/{names}/{defects}"
    rng = random.Random(call)  # noqa: S311 - reproducible on purpose; nothing here is a secret
    maker = _Maker(call, rng, catalogue, names, start)
    recent: deque[bytes] = deque(maxlen=100)
    for line, event in maker.events(n, span.total_seconds() - 1):
        made = line
        if rng.random() < defects:
            made = rng.choice(list(recent)) if recent and rng.random() < 0.3 else damage(rng, event, maker.people)
        recent.append(made)
        yield made


class _Maker:
    def __init__(
        self, call: str, rng: random.Random, catalogue: Catalogue, systems: list[str], start: datetime
    ) -> None:
        self._rng = rng
        self._start = start
        self._run = hashlib.sha256(call.encode()).hexdigest()[:8]
        self._catalogue = catalogue
        types = catalogue.event_types("transactions")
        self._systems = [one for one in systems if (pack := catalogue.pack_at(one, start)) and CREATED in pack.names]
        if not self._systems or CREATED not in types:
            raise UsageError("no policy of these systems names an order at this time")
        self.people = People(rng, call)
        self._accounts = [(self.people.account(locale), locale) for locale in self._locales(300)]

    def events(self, n: int, last: float) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Yield events in the order of their times; orders begin evenly, so many that their events are about `n`."""
        step = last * self._mean(last) / max(n, 1)
        waiting: list[Event] = []
        begin, orders = 0.0, 0
        for made in range(n):
            while not waiting or waiting[0][0] > begin:
                orders += 1
                for happening in self._order(orders, begin, last):
                    heapq.heappush(waiting, happening)
                begin = min(begin + step, last)
            seconds, _, system, event = heapq.heappop(waiting)
            yield self._line(made, seconds, system, event), event

    def _mean(self, last: float) -> float:
        """Return how many events of an order happen before `last`, on average over when it begins."""
        lives = (list(self._life(last * number / 300)) for number in range(300))
        return sum(seconds <= last for life in lives for _, seconds in life) / 300

    def _line(self, number: int, seconds: float, system: str, event: dict[str, Any]) -> bytes:
        instant = self._start + timedelta(seconds=int(seconds))
        event["event_time"] = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event["event_id"] = f"{self._run}-{number:09d}"
        pack = self._catalogue.pack_at(system, instant)
        if pack is not None:
            always = {"order_number", *(name for name, _ in _PROHIBITED)}
            event["fields"] = {k: v for k, v in event["fields"].items() if k in pack.names or k in always}
        return msgspec.json.encode(event)

    def _order(self, number: int, begin: float, last: float) -> Iterator[Event]:
        """Yield what happens to one order, as far as it happens before `last`."""
        rng = self._rng
        system = rng.choice(self._systems)
        account, locale = self._accounts[int(len(self._accounts) * rng.random() ** 2)]
        order = f"{'订' if locale == 0 else 'SO'}{self._run}{number:07d}"
        happened = list(self._life(begin))
        bad = rng.randrange(len(happened)) if rng.random() < 0.02 else -1
        for place, (kind, seconds) in enumerate(happened):
            if seconds > last:
                return
            fields = {"order_number": order, **self._fields(kind, locale, seconds)}
            if place == bad:
                name, value = rng.choice(_PROHIBITED)
                fields[name] = f"{value}{rng.randrange(10**4):04d}"
            event = {
                "event_id": "",
                "system": system,
                "event_type": kind,
                "event_time": "",
                "subject": {"account": account},
                "fields": fields,
                "meta": {"source": "own"},
            }
            yield seconds, number * 16 + place, system, event

    def _life(self, begin: float) -> Iterator[tuple[str, float]]:
        """Yield kinds and times: most orders end well, some are abandoned, taken back or fought over."""
        rng, now = self._rng, begin
        yield CREATED, now
        if rng.random() < 0.08:
            if rng.random() < 0.7:
                yield CLOSED, now + rng.uniform(1, 14) * DAY
            return
        now += rng.expovariate(1 / (0.3 * DAY))
        yield PAID, now
        if rng.random() < 0.06:
            yield REFUNDED, now + rng.uniform(0.5, 6) * DAY
            return
        now += rng.uniform(1, 12) * DAY
        yield DELIVERED, now
        dice = rng.random()
        if dice < 0.08:
            now += rng.uniform(0.5, 10) * DAY
            yield DISPUTED, now
            if rng.random() < 0.75:
                now += rng.uniform(1, 25) * DAY
                yield DISPUTE_CLOSED, now
                if rng.random() < 0.3:
                    yield REFUNDED, now + rng.uniform(0.2, 4) * DAY
        elif dice < 0.12:
            yield REFUNDED, now + rng.uniform(1, 20) * DAY
        if rng.random() < 0.3:
            yield CLOSED, now + rng.uniform(20, 30) * DAY

    def _fields(self, kind: str, locale: int, seconds: float) -> dict[str, Any]:
        rng, people = self._rng, self.people
        chinese = locale == 0
        amount = f"{rng.lognormvariate(6, 1.6):.2f} {'CNY' if chinese else 'USD'}"
        if kind == CREATED:
            goods = rng.choice(_GOODS)
            return {
                "order_time": self._instant(seconds),
                "order_goods": goods[0 if chinese else 1] + f" x{rng.randrange(1, 5000)}",
                "order_amount": amount,
                "goods_info": f"P{rng.randrange(10**6):06d}",
                "consignee_name": people.name(locale),
                "consignee_address": f"{rng.choice(_CITIES)} {rng.randrange(1, 400)}",
                "consignee_phone": f"1{rng.choice('3578')}{rng.randrange(10**9):09d}",
                "email": people.email(locale),
                "mobile_phone": f"1{rng.choice('3578')}{rng.randrange(10**9):09d}",
                "delivery_time_preference": "工作日" if chinese else "weekdays",
            }
        return {
            PAID: lambda: {"payment_method": rng.choice(_METHODS), "payment_status": "settled", "order_amount": amount,
                           "payer_account": f"acct-{rng.randrange(10**8):08d}"},
            DELIVERED: lambda: {"delivery_progress": "signed", "distribution_info": rng.choice(_CITIES)},
            REFUNDED: lambda: {"payment_status": "refunded", "order_amount": amount},
            DISPUTED: lambda: {"dispute_record": rng.choice(_DISPUTES)},
            DISPUTE_CLOSED: lambda: {"dispute_record": "已结案" if chinese else "closed by agreement"},
            CLOSED: dict,
        }[kind]()  # fmt: skip

    def _instant(self, seconds: float) -> str:
        return (self._start + timedelta(seconds=int(seconds))).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _locales(self, number: int) -> Iterator[int]:
        return (self.people.locale() for _ in range(number))
