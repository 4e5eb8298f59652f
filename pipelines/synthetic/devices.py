"""Invented devices whose parts agree with each other: model, system, processor, browser and user agent."""

# ruff: noqa: PLR2004 - the shares of invented traffic stand where they are drawn

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from pipelines.synthetic.people import People


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of device. `agent` is a user agent with the places `model`, `os` and `version`."""

    environment: str
    models: Sequence[str]
    os_versions: Sequence[str]
    cpus: Sequence[str]
    memories: Sequence[str]
    browser: str
    browser_versions: Sequence[str]
    agent: str


_CHROME = ("116.0.5845.163", "120.0.6099.109", "124.0.6367.82", "128.0.6613.120", "131.0.6778.85")
_SNAPDRAGON = ("Qualcomm Snapdragon 8 Gen 2", "Qualcomm Technologies, Inc SM8550", "MediaTek Dimensity 9200")
_CORE = (
    "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz",
    "Intel(R) Core(TM) i7-12700H",
    "AMD Ryzen 7 5800X 8-Core Processor",
    "Intel(R) Xeon(R) E-2276M",
)
_ANDROID_AGENT = "Mozilla/5.0 (Linux; Android {os}; {model}) AppleWebKit/537.36 (KHTML, like Gecko) "
_IPHONE_AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS {os} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
_WINDOWS_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "

PROFILES: tuple[Profile, ...] = (
    Profile(
        "WAP on Android phone",
        ("HUAWEI Mate 60 Pro", "Xiaomi 13 Ultra", "vivo X100", "OPPO Find X6", "SM-S918B", "Redmi Note 12"),
        ("10", "11.0", "12", "13.0.1", "14"),
        (*_SNAPDRAGON, "HiSilicon Kirin 9000S"),
        ("6 GB", "8GB", "12 GiB", "16384 MB"),
        "Chrome",
        _CHROME,
        _ANDROID_AGENT + "Chrome/{version} Mobile Safari/537.36",
    ),
    Profile(
        "mini program",
        ("HUAWEI P60", "Xiaomi 14", "HONOR Magic5", "SM-G9980"),
        ("11", "12", "13", "14"),
        _SNAPDRAGON,
        ("8G", "12G"),
        "WeChat",
        ("8.0.42", "8.0.47", "8.0.50"),
        _ANDROID_AGENT + "Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 MicroMessenger/{version} NetType/WIFI",
    ),
    Profile(
        "iOS app",
        ("iPhone14,2", "iPhone15,3", "iPhone 13 mini", "iPad13,8"),
        ("15_7", "16_6_1", "17_5_1", "18_1"),
        ("Apple A15 Bionic", "Apple A16 Bionic", "Apple M1"),
        ("4 GB", "6 GB", "8 GB"),
        "Safari",
        ("15.6", "16.6", "17.5", "18.1"),
        _IPHONE_AGENT + "Version/{version} Mobile/15E148 Safari/604.1",
    ),
    Profile(
        "PC desktop, Windows",
        ("Lenovo ThinkPad X1 Carbon Gen 10", "Dell XPS 13 9310", "HP EliteBook 840 G8", "ASUS ROG Zephyrus G14"),
        ("10.0.19045", "10.0.22631", "11 23H2"),
        _CORE,
        ("7.8 GiB", "16 GB", "31.9 GB", "65536 MB"),
        "Edge",
        _CHROME,
        _WINDOWS_AGENT + "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version} Safari/537.36 Edg/{version}",
    ),
    Profile(
        "PC desktop, Windows",
        ("Lenovo ThinkCentre M70q", "HP ProDesk 400", "Acer Aspire 5"),
        ("6.1.7601", "10.0.19045", "11 23H2"),
        _CORE,
        ("8 GB", "16 GB"),
        "Firefox",
        ("115.0", "128.0.3", "132.0"),
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{version}) Gecko/20100101 Firefox/{version}",
    ),
    Profile(
        "PC macOS",
        ("MacBookPro18,1", "MacBookAir10,1", "iMac21,1"),
        ("12.7.4", "13.6.1", "14.5", "15.1"),
        ("Apple M1 Pro", "Apple M2", "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz"),
        ("8 GB", "16 GB", "32 GB"),
        "Safari",
        ("16.6", "17.5", "18.1"),
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/{version} Safari/605.1.15",
    ),
    Profile(
        "PC Linux",
        ("Loongson-3A5000-HV", "To Be Filled By O.E.M."),
        ("5.15.0-91", "6.8.0-45-generic"),
        ("Loongson-3A5000", "AMD EPYC 7763", "x86_64"),
        ("16315 MB", "128 GB"),
        "Chrome",
        _CHROME,
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version} Safari/537.36",
    ),
)

_WEIGHTS = (30, 14, 16, 16, 8, 9, 2)
_APPS = ("com.tencent.mm", "com.eg.android.AlipayGphone", "com.taobao.taobao", "com.whatsapp", "com.google.maps")
_CARRIERS = ("China Mobile", "中国电信", "中国联通", "Telekom.de", "NTT DOCOMO", "T-Mobile US", "Orange")
_FEATURES = ("nfc,5g,fingerprint", "5g,oled", "touchscreen,webcam", "3 monitors", "LPDDR5,UFS4.0")
_PERMISSIONS = ("location_denied", "location_while_using", "camera_granted", "album_granted", "microphone_denied")


def make_device(rng: random.Random, people: People) -> dict[str, str]:
    """Return a device as the fields that describe it, by the inventory's names."""
    profile = rng.choices(PROFILES, _WEIGHTS)[0]
    model, os_version, version = map(rng.choice, (profile.models, profile.os_versions, profile.browser_versions))
    mac = rng.randbytes(6).hex()
    separator = rng.choice((":", "-", ""))
    point = rng.choice(people.places)
    place = f"{point[1] + rng.uniform(-0.2, 0.2):.5f},{point[2] + rng.uniform(-0.2, 0.2):.5f}"
    return {
        "device_model": model,
        "os_version": os_version,
        "device_environment": profile.environment,
        "device_settings": json.dumps({"font_scale": rng.choice((1, 1.15, 1.3)), "dark": rng.random() < 0.4}),
        "device_features": rng.choice(_FEATURES),
        "cpu_info": rng.choice(profile.cpus),
        "memory_info": rng.choice(profile.memories),
        "mac_address": separator.join(mac[i : i + 2] for i in range(0, 12, 2)),
        "device_id": _device_id(rng),
        "app_list": ",".join(rng.sample(_APPS, 3)),
        "ip_address": _address(rng),
        "gps_location": place,
        "wifi_ap": f"{rng.choice(people.family_names)}-home-{rng.randrange(1000)}",
        "bluetooth_info": f"{rng.choice(people.family_names)}'s headset",
        "base_station": f"460-0{rng.randrange(2)}-{rng.randrange(65536)}-{rng.randrange(1 << 28)}",
        "other_sensor": f"accelerometer:{rng.random():.3f}",
        "location_feature": f"{point[0]} office hours",
        "track": f"{place};{point[0]}",
        "browser_type": profile.browser,
        "browser_version": version,
        "user_agent": profile.agent.format(model=model, os=os_version, version=version),
        "permission_state": rng.choice(_PERMISSIONS),
        "carrier": rng.choice(_CARRIERS),
    }


def _device_id(rng: random.Random) -> str:
    """Return an Android id, an advertising id or an IMEI-like number."""
    kind = rng.randrange(3)
    if kind == 0:
        return rng.randbytes(8).hex()
    if kind == 1:
        text = rng.randbytes(16).hex().upper()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return str(rng.randrange(86 * 10**13, 87 * 10**13))


def _address(rng: random.Random) -> str:
    if rng.random() < 0.15:
        groups = ":".join(f"{rng.getrandbits(16):x}" for _ in range(6))
        return f"240{rng.randrange(8, 15):x}:{rng.getrandbits(16):x}:{groups}"
    return f"{rng.randrange(1, 223)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
