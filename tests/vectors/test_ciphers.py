"""Frozen forms of what treatments make with a key, and published vectors of the ciphers under them.

The frozen values bind stored columns to their keys: if one changes, the code is wrong.
"""

from __future__ import annotations

from string import ascii_lowercase, digits

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from governance.keys.ciphers import CipherKey, aes_blocks
from tests.vectors.test_keys import SCOPE_KEY
from transforms.deid.treatments.date_shift import date_shift
from transforms.deid.treatments.ff1 import FF1
from transforms.deid.treatments.format_preserving import format_preserving
from transforms.deid.treatments.planar_laplace import planar_laplace
from transforms.deid.treatments.prefix_preserving_ip import anonymize, prefix_preserving_ip

NIST_KEY = "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94"


def key(kind: str) -> CipherKey:
    """Return the key of the frozen values."""
    return CipherKey(SCOPE_KEY, kind, "2026H2")


@pytest.mark.parametrize(
    ("size", "alphabet", "tweak", "plain", "cipher"),
    [
        (16, digits, "", "0123456789", "2433477484"),
        (16, digits, "39383736353433323130", "0123456789", "6124200773"),
        (16, digits + ascii_lowercase, "3737373770717273373737", "0123456789abcdefghi", "a9tv40mll9kdu509eum"),
        (24, digits, "", "0123456789", "2830668132"),
        (24, digits, "39383736353433323130", "0123456789", "2496655549"),
        (24, digits + ascii_lowercase, "3737373770717273373737", "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"),
        (32, digits, "", "0123456789", "6657667009"),
        (32, digits, "39383736353433323130", "0123456789", "1001623463"),
        (32, digits + ascii_lowercase, "3737373770717273373737", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"),
    ],
)
def test_ff1_gives_the_samples_of_nist(size: int, alphabet: str, tweak: str, plain: str, cipher: str) -> None:
    """FF1 is that of SP 800-38G: its nine samples, in both directions."""
    ff1 = FF1(aes_blocks(bytes.fromhex(NIST_KEY)[:size]), alphabet, bytes.fromhex(tweak))
    assert ff1.encrypt([plain]) == [cipher]
    assert ff1.decrypt([cipher]) == [plain]


def test_crypto_pan_gives_its_published_values() -> None:
    """Crypto-PAn is that of Xu, Fan, Ammar and Moon: some of its samples, together and with IPv6."""
    secret = bytes.fromhex("1522178d33a4cf80130a5b1649907d10d8988f837979652762574c2d2a842202")
    blocks = aes_blocks(secret[:16])
    published = {
        "128.11.68.132": "135.242.180.132",
        "129.118.74.4": "134.136.186.123",
        "205.188.147.153": "242.96.16.101",
        "24.0.250.221": "100.15.198.226",
        "64.14.118.196": "0.255.183.58",
        "::1": "78ff:f001:9fc0:20df:8380:b1f1:704:ed",
        "2001:db8::1": "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e",
    }
    made = anonymize(pa.array(list(published)), blocks, blocks(secret[16:]))
    assert made.to_pylist() == list(published.values())


def test_aes_siv_gives_the_value_of_rfc_5297() -> None:
    """The cipher under reversible tokens is AES-SIV: RFC 5297, appendix A.1."""
    secret = bytes.fromhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    associated = [bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627")]
    plain = bytes.fromhex("112233445566778899aabbccddee")
    sealed = bytes.fromhex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c")
    assert AESSIV(secret).encrypt(plain, associated) == sealed


def test_reversible_tokens_are_frozen() -> None:
    """A token of format v1s never changes, and opens."""
    frozen = {
        "13912345678": "v1s.2026H2.BQAJADD4HNDMIX4BLQHMXJROZIQQAURZITBTCKBZCTWA5RKMV44Q",
        "张伟": "v1s.2026H2.CFOKMZHOOGFEHXQKFJLP5QTHULBG6YJH35ND3XKB7EW534IX7P3A",
        "": "v1s.2026H2.UQHFII3O2IGKD42A5LFSDY7QDXQ4NPT76Y3EMR2KDWFAYMAG4WFA",
    }
    assert key("encrypt.phone").encrypt(list(frozen)) == list(frozen.values())
    assert key("encrypt.phone")._decrypt(list(frozen.values())) == list(frozen)


def test_keyed_columns_are_frozen() -> None:
    """Under one key, each treatment gives today what it gave."""
    number = format_preserving(
        pa.array(["13912345678"]), key("format_preserving.phone"), field="phone", alphabet="digits", lengths=(11,)
    )
    address = prefix_preserving_ip(pa.array(["83.149.9.216", "2001:db8::1"]), key("prefix_preserving_ip"))
    day = date_shift(pa.array(["2026-10-01"]), key("date_shift"), ["account\0100"], max_days=30)
    place = planar_laplace(
        pa.array(["32.060,118.790"]), key("planar_laplace"), ["account\0100"], ["2026-11-23"], epsilon=0.5
    )
    made = [column.to_pylist() for column in (number, address, day, place)]
    assert made == [
        ["98828953331"],
        ["203.106.52.36", "a010:fd7d:9bf7:33f:1fa0:8c7a:3f97:f3ff"],
        ["2026-09-29"],
        ["32.057,118.778"],
    ]
