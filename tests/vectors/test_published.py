"""Published vectors in full, from the folder of sample data."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from governance.keys import canonical
from governance.keys.ciphers import aes_blocks
from transforms.deid.text.identity import resident_ids
from transforms.deid.treatments.ff1 import FF1
from transforms.deid.treatments.prefix_preserving_ip import anonymize

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.samples
FIRST_EDITION = 100  # the fewest values that SP 800-38G asked for before its revision


def wycheproof(folder: Path, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return (group, test) of each test of a file, and see that none is missing."""
    document = json.loads((folder / "vectors" / name).read_text(encoding="utf-8"))
    tests = [(group, test) for group in document["testGroups"] for test in group["tests"]]
    assert len(tests) == document["numberOfTests"]
    return tests


def test_nist_ff1(samples: Path) -> None:
    """Every sample of SP 800-38G, there and back."""
    cases = json.loads((samples / "vectors" / "nist_sp800_38g_ff1_samples.json").read_text(encoding="utf-8"))
    assert len(cases) == 9
    for case in cases:
        alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"[: case["radix"]]
        ff1 = FF1(aes_blocks(bytes.fromhex(case["key"])), alphabet, bytes.fromhex(case["tweak"]))
        assert ff1.encrypt([case["pt"]]) == [case["ct"]]
        assert ff1.decrypt([case["ct"]]) == [case["pt"]]


@pytest.mark.parametrize(("radix", "count"), [(10, 3845), (36, 2854), (62, 2474)])
def test_wycheproof_ff1(samples: Path, radix: int, count: int) -> None:
    """Every test of Wycheproof: right results, and a refusal of wrong keys, lengths and signs.

    Texts with fewer than a million siblings were valid before the revision: refused here, right if allowed.
    """
    tests = wycheproof(samples, f"wycheproof_aes_ff1_base{radix}.json")
    assert len(tests) == count
    for group, test in tests:
        secret, tweak, plain = bytes.fromhex(test["key"]), bytes.fromhex(test["tweak"]), test["msg"]
        if "InvalidKeySize" in test["flags"]:
            with pytest.raises(ValueError, match="16, 24 or 32"):
                aes_blocks(secret)
            continue
        strict = FF1(aes_blocks(secret), group["alphabet"], tweak)
        if test["result"] == "invalid":
            assert strict.encrypt([plain]) == strict.decrypt([plain]) == [None]
            continue
        small = "SmallMessageSize" in test["flags"]
        assert strict.encrypt([plain]) == ([None] if small else [test["ct"]])
        either = FF1(aes_blocks(secret), group["alphabet"], tweak, fewest=FIRST_EDITION) if small else strict
        assert either.encrypt([plain]) == [test["ct"]]
        assert either.decrypt([test["ct"]]) == [plain]


def test_wycheproof_aes_siv(samples: Path) -> None:
    """Every test of Wycheproof: the cipher under reversible tokens, and its refusal of what was changed."""
    tests = wycheproof(samples, "wycheproof_aes_siv_cmac.json")
    assert len(tests) == 442
    for _, test in tests:
        secret, aad, plain, sealed = (bytes.fromhex(test[name]) for name in ("key", "aad", "msg", "ct"))
        cipher = AESSIV(secret)
        if test["result"] == "valid":
            assert cipher.encrypt(plain, [aad]) == sealed
            assert cipher.decrypt(sealed, [aad]) == plain
        else:
            with pytest.raises((InvalidTag, ValueError)):
                cipher.decrypt(sealed, [aad])


def test_crypto_pan(samples: Path) -> None:
    """Every published pair, in one batch, one by one, and backwards."""
    lines = (samples / "vectors" / "cryptopan_v4_v6.tsv").read_text(encoding="utf-8").splitlines()
    secret = bytes.fromhex(lines[0].split("\t")[1])
    blocks = aes_blocks(secret[:16])
    pad = blocks(secret[16:])
    pairs = [line.split("\t") for line in lines if not line.startswith("#")]
    assert len(pairs) == 75
    plain, expected = ([pair[side] for pair in pairs] for side in (0, 1))
    assert anonymize(pa.array(plain), blocks, pad).to_pylist() == expected
    assert anonymize(pa.array(plain[::-1]), blocks, pad).to_pylist() == expected[::-1]
    assert [anonymize(pa.array([one]), blocks, pad)[0].as_py() for one in plain] == expected


def test_phone_numbers_have_one_canonical_form(samples: Path) -> None:
    """However a number of any region is written, its canonical form is E.164; national forms are those of China."""
    lines = (samples / "pii" / "libphonenumber_examples.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    assert len(cases) == 1374
    for case in cases:
        forms = ["e164", "intl", "rfc3966", *(["national"] if case["region"] == "CN" else [])]
        written = [case[form] for form in forms if form in case]
        assert [canonical("phone", one) for one in written] == [case["e164"]] * len(written)


def test_resident_ids(samples: Path) -> None:
    """Numbers that are valid in either mode are found; wrong digits, dates and lengths are not.

    Regions below the province are not looked up: numbers of regions that were dissolved, or founded later, stay valid.
    """
    path = samples / "pii" / "cn_resident_id_valid_invalid.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        cases = list(csv.DictReader(file, delimiter="\t"))
    assert len(cases) == 21
    valid = {case["number"] for case in cases if case["valid"] == "true"}
    for case in cases:
        if case["number"] in valid or case["comment"] != "地址码不合法":
            assert bool(list(resident_ids(case["number"]))) == (case["number"] in valid)
