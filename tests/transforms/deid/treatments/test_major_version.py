"""Major versions."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.treatments.major_version import major_version


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ("12.4", "12"), ("12", "12"), ("v3.2", "3"), ("Android 12.1", "Android 12"), ("android 9", "Android 9"),
        ("Windows NT 10.0", "Windows NT 10"), ("Mac OS X 10_9_1", "Mac OS X 10"), ("iOS/13.2", "iOS 13"),
        ("12 (build 4711)", "12"), ("Windows XP", "Windows"), ("Chrome/119.0.1", "Chrome 119"),
        ("garbage", None), ("Zhang 12", None), ("13800138000", None), ("12abc", None), ("", None), ("-", None),
        ("张伟", None), (None, None), ("a@b.cn", None),
    ],
)  # fmt: skip
def test_the_first_number_stays(text: str | None, major: str | None) -> None:
    """A known name and a number of at most three digits stay; anything else is null."""
    assert major_version(pa.array([text], pa.string())).to_pylist() == [major]
