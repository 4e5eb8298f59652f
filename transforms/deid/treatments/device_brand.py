"""Device brand: of `SM-G973F` stays `Samsung` (a rare model singles out its owner)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import ua_parser

from transforms.deid.columns import each
from transforms.deid.treatments.vocabulary import names

if TYPE_CHECKING:
    import pyarrow as pa

OTHER = "other"
_REMEMBERED = 20_000
_LONGEST = 64
_MODEL = re.compile(r"[A-Za-z0-9 _.+-]+")
_APPLE = re.compile(
    r"(?:apple|iphone|ipad|ipod|i?mac(?:book)?(?:pro|air|mini)?|apple ?tv|(?:apple )?watch)(?![a-z])", re.IGNORECASE
)
# Prefixes that people and settings write, but user agents do not.
_PREFIXES = {
    "samsung": "Samsung", "galaxy": "Samsung", "huawei": "Huawei", "honor": "Huawei", "xiaomi": "XiaoMi",
    "redmi": "XiaoMi", "poco": "XiaoMi", "mi": "XiaoMi", "oppo": "Oppo", "realme": "Realme", "oneplus": "OnePlus",
    "vivo": "vivo", "iqoo": "vivo", "meizu": "Meizu", "zte": "ZTE", "lenovo": "Lenovo", "motorola": "Motorola",
    "nokia": "Nokia", "google": "Google", "pixel": "Google", "nexus": "Google", "sony": "Sony", "xperia": "Sony",
    "lg": "LG", "htc": "HTC", "asus": "Asus", "nubia": "Nubia", "coolpad": "Coolpad", "microsoft": "Microsoft",
    "surface": "Microsoft", "dell": "Dell", "hp": "HP", "acer": "Acer", "thinkpad": "Lenovo", "kindle": "Amazon",
    "tecno": "Tecno", "infinix": "Infinix", "itel": "Itel", "blackberry": "BlackBerry",
}  # fmt: skip


def device_brand(values: pa.Array) -> pa.Array:
    """Return the brand of each model, `other` where none is known."""
    return each(values, lambda model: _brand(model.strip()[:_LONGEST]))


@lru_cache(maxsize=_REMEMBERED)
def _brand(model: str) -> str:
    if _APPLE.match(model):
        return "Apple"
    first = re.match("[A-Za-z]*", model)
    if first and first[0].lower() in _PREFIXES:
        return _PREFIXES[first[0].lower()]
    if not _MODEL.fullmatch(model):
        return OTHER
    agent = f"Mozilla/5.0 (Linux; Android 10; {model} Build/QQ1) AppleWebKit/537.36 Chrome/99.0 Mobile Safari/537.36"
    device = _parser()(agent, ua_parser.Domain.DEVICE).device
    brand = device.brand if device else None
    return brand if brand in names("brand") and not brand.startswith("Generic") else OTHER


@lru_cache(maxsize=1)
def _parser() -> ua_parser.Parser:
    return ua_parser.Parser(ua_parser.BestAvailableResolver(ua_parser.load_lazy_builtins()))
