"""Published vectors in full, from the folder of sample data."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from governance.keys import canonical
from governance.keys.ciphers import aes_blocks
from tests.conftest import missing
from transforms.deid.text.identity import resident_ids
from transforms.deid.treatments.ff1 import FF1
from transforms.deid.treatments.prefix_preserving_ip import anonymize

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.samples
FIRST_EDITION = 100  # the fewest values that SP 800-38G asked for before its revision


def sample(samples: Path, name: str) -> Path:
    """Return a file of the folder of sample data; a folder without it is treated as no folder is."""
    path = samples / name
    if not path.is_file():
        missing(f"{name} in the folder of sample data (EBB_SAMPLES)")
    return path


def wycheproof(samples: Path, name: str) -> tuple[list[tuple[dict[str, Any], dict[str, Any]]], Counter[str]]:
    """Return (group, test) of each test of a file, and how many end how; none of the file is left out."""
    document = json.loads(sample(samples, f"vectors/{name}").read_text(encoding="utf-8"))
    tests = [(group, test) for group in document["testGroups"] for test in group["tests"]]
    assert len(tests) == document["numberOfTests"]
    return tests, Counter(test["result"] for _, test in tests)


def test_nist_ff1(samples: Path) -> None:
    """Every sample of SP 800-38G, there and back."""
    cases = json.loads(sample(samples, "vectors/nist_sp800_38g_ff1_samples.json").read_text(encoding="utf-8"))
    assert len(cases) == 9
    for case in cases:
        alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"[: case["radix"]]
        ff1 = FF1(aes_blocks(bytes.fromhex(case["key"])), alphabet, bytes.fromhex(case["tweak"]))
        assert ff1.encrypt([case["pt"]]) == [case["ct"]]
        assert ff1.decrypt([case["ct"]]) == [case["pt"]]


@pytest.mark.parametrize(
    ("radix", "valid", "invalid", "small"), [(10, 3312, 533, 12), (36, 2465, 389, 6), (62, 2139, 335, 6)]
)
def test_wycheproof_ff1(samples: Path, radix: int, valid: int, invalid: int, small: int) -> None:
    """Every test of Wycheproof: right results, and a refusal of wrong keys, lengths and signs.

    Texts with fewer than a million siblings were valid before the revision: refused here, right if allowed.
    """
    tests, results = wycheproof(samples, f"wycheproof_aes_ff1_base{radix}.json")
    seen: Counter[str] = Counter()
    for group, test in tests:
        secret, tweak, plain = bytes.fromhex(test["key"]), bytes.fromhex(test["tweak"]), test["msg"]
        if "InvalidKeySize" in test["flags"]:
            with pytest.raises(ValueError, match="16, 24 or 32"):
                aes_blocks(secret)
            seen["refused"] += 1
            continue
        strict = FF1(aes_blocks(secret), group["alphabet"], tweak)
        if test["result"] == "invalid":
            assert strict.encrypt([plain]) == strict.decrypt([plain]) == [None]
            seen["refused"] += 1
            continue
        too_small = "SmallMessageSize" in test["flags"]
        assert strict.encrypt([plain]) == ([None] if too_small else [test["ct"]])
        either = FF1(aes_blocks(secret), group["alphabet"], tweak, fewest=FIRST_EDITION) if too_small else strict
        assert either.encrypt([plain]) == [test["ct"]]
        assert either.decrypt([test["ct"]]) == [plain]
        seen["small" if too_small else "right"] += 1
    assert seen == {"right": valid - small, "small": small, "refused": invalid}
    assert results == {"valid": valid, "invalid": invalid}


def test_wycheproof_aes_siv(samples: Path) -> None:
    """Every test of Wycheproof: the cipher under reversible tokens, and its refusal of what was changed."""
    tests, results = wycheproof(samples, "wycheproof_aes_siv_cmac.json")
    assert results == {"valid": 118, "invalid": 324}
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
    lines = sample(samples, "vectors/cryptopan_v4_v6.tsv").read_text(encoding="utf-8").splitlines()
    secret = bytes.fromhex(lines[0].split("\t")[1])
    blocks = aes_blocks(secret[:16])
    pad = blocks(secret[16:])
    pairs = [line.split("\t") for line in lines if not line.startswith("#")]
    assert Counter("v6" if ":" in pair[0] else "v4" for pair in pairs) == {"v4": 70, "v6": 5}
    plain, expected = ([pair[side] for pair in pairs] for side in (0, 1))
    assert anonymize(pa.array(plain), blocks, pad).to_pylist() == expected
    assert anonymize(pa.array(plain[::-1]), blocks, pad).to_pylist() == expected[::-1]
    assert [anonymize(pa.array([one]), blocks, pad)[0].as_py() for one in plain] == expected


def test_phone_numbers_have_one_canonical_form(samples: Path) -> None:
    """However a number of any region is written, its canonical form is E.164; national forms are those of China."""
    lines = sample(samples, "pii/libphonenumber_examples.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    assert Counter(case["valid"] for case in cases) == {True: 1129, False: 245}
    for case in cases:
        forms = ["e164", "intl", "rfc3966", *(["national"] if case["region"] == "CN" else [])]
        written = [case[form] for form in forms if form in case]
        assert [canonical("phone", one) for one in written] == [case["e164"]] * len(written)


def test_resident_ids(samples: Path) -> None:
    """All 21 cases: numbers that are valid in either mode are found; wrong digits, dates, lengths and regions are not.

    Two numbers stand twice, invalid in the strict mode alone: their region was founded after the birth, or dissolved
    before it. Such regions are not looked up, so they are found: a person keeps the number.
    """
    with sample(samples, "pii/cn_resident_id_valid_invalid.tsv").open(encoding="utf-8", newline="") as file:
        cases = list(csv.DictReader(file, delimiter="\t"))
    strict_only = [case for case in cases if case["valid"] == "false" and case["strict_mode"] == "true"]
    assert (len(cases), len(strict_only)) == (21, 2)
    for case in cases:
        expected = case["valid"] == "true" or case in strict_only
        assert bool(list(resident_ids(case["number"]))) == expected


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its file a test says which one it needs and is skipped; in CI it fails."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"needs pii/x\.tsv in the folder of sample data \(EBB_SAMPLES\)"):
        sample(tmp_path, "pii/x.tsv")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"CI lacks pii/x\.tsv"):
        sample(tmp_path, "pii/x.tsv")
