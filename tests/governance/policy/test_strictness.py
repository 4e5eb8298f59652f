"""The stricter of two treatments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from governance.policy.frozen import FrozenDict
from governance.policy.keyed import DateShift, Encrypt, FormatPreserving, PlanarLaplace, PrefixPreservingIp, Surrogate
from governance.policy.strictness import at_least_as_strict, stricter
from governance.policy.treatments import (
    Bucket,
    Categorize,
    City,
    CodeOnly,
    CountOnly,
    DatePart,
    DeviceBrand,
    FreeText,
    Geohash,
    GroupThreshold,
    Hour,
    Keep,
    MajorVersion,
    Mask,
    Pseudonymize,
    Reject,
    Suppress,
    Treatment,
    TruncateIp,
    UrlPath,
    UserAgentParts,
)

BANDS = {"a": ("x", "y"), "b": ("z",), "c": ("w",)}
EDGES = st.lists(st.sampled_from([1.0, 2.0, 4.0, 8.0]), min_size=1, unique=True).map(sorted)
TREATMENTS: st.SearchStrategy[Treatment] = st.one_of(
    st.sampled_from(
        [Suppress(), Pseudonymize(), CountOnly(), FreeText(), FreeText(words="redact"),
         FreeText(words="placeholder"), FreeText(words="token"), CodeOnly(), UserAgentParts(), DeviceBrand(),
         MajorVersion(), City(), Hour(), DatePart(unit="day"), DatePart(unit="month"), UrlPath(host=True), UrlPath()]
    ),
    st.builds(Reject, code=st.sampled_from(["PURP_NOT_REGISTERED", "AUDIO_NOT_INITIATED", "SECRET_PROHIBITED"])),
    st.builds(TruncateIp, v4=st.integers(0, 24), v6=st.integers(0, 48)),
    st.sampled_from([Encrypt(), PrefixPreservingIp(), Surrogate(of="name", locale="zh_CN"),
                     Surrogate(of="city", locale="zh_CN"), Surrogate(of="city", locale="zh_CN", by="value")]),
    st.builds(
        Mask, first=st.integers(0, 6), last=st.integers(0, 4), hidden=st.integers(2, 9), hide_length=st.booleans(),
        char=st.sampled_from("*#"),
    ),
    st.builds(Geohash, precision=st.integers(1, 6)),
    st.builds(GroupThreshold, k=st.integers(2, 30), in_stream=st.sampled_from(["drop", "brand"])),
    st.builds(
        FormatPreserving, lengths=st.sets(st.integers(6, 9), min_size=1).map(tuple),
        alphabet=st.sampled_from(["digits", "base62"]),
    ),
    st.builds(DateShift, max_days=st.integers(1, 365)),
    st.builds(PlanarLaplace, epsilon=st.sampled_from([0.1, 0.5, 2.0])),
    st.builds(Bucket, edges=EDGES, unit=st.sampled_from(["GiB", "amount"])),
    st.builds(
        Keep,
        shape=st.sampled_from([None, "code", "host"]),
        values=st.sets(st.sampled_from("abc"), min_size=1).map(tuple),
    ),
    st.builds(
        Categorize,
        bands=st.permutations(list(BANDS.items())).flatmap(
            lambda items: st.integers(1, 3).map(lambda n: dict(items[:n]))
        ),
        other=st.sampled_from(["other", "else"]),
    ),
)  # fmt: skip


@given(TREATMENTS, TREATMENTS)
def test_stricter_is_commutative_and_above_both(first: Treatment, second: Treatment) -> None:
    """In whatever order, the result is at least as strict as both."""
    met = stricter(first, second)
    assert met == stricter(second, first)
    assert met.strictness >= max(first.strictness, second.strictness)
    assert at_least_as_strict(met, first)
    assert at_least_as_strict(met, second)


@given(TREATMENTS)
def test_stricter_of_one_is_itself(treatment: Treatment) -> None:
    """Two equal treatments are that treatment; reject is above and suppress is above what is below it."""
    assert stricter(treatment, treatment) == treatment
    assert at_least_as_strict(treatment, treatment)
    assert isinstance(stricter(treatment, Suppress()), Suppress | Reject)
    assert hash(treatment) == hash(treatment.model_copy())


@given(TREATMENTS, TREATMENTS)
def test_parameters_tell_no_more_than_either(first: Treatment, second: Treatment) -> None:
    """Bits, edges, values and hosts of the result are among those of both."""
    match stricter(first, second), first, second:
        case TruncateIp() as met, TruncateIp(), TruncateIp():
            assert met.v4 == min(first.v4, second.v4)
            assert met.v6 == min(first.v6, second.v6)
        case Bucket() as met, Bucket(), Bucket():
            assert set(met.edges) <= set(first.edges) & set(second.edges)
        case Keep() as met, Keep(), Keep():
            assert set(met.values) <= set(first.values) & set(second.values)
        case UrlPath() as met, UrlPath(), UrlPath():
            assert met.host == (first.host and second.host)
        case Categorize() as met, Categorize(), Categorize():
            assert met in (first, second)


@given(TREATMENTS, TREATMENTS)
def test_newer_parameters_tell_no_more_than_either(first: Treatment, second: Treatment) -> None:
    """Shown signs, precision and lengths are the fewer, thresholds, shifts and noise the larger."""
    match stricter(first, second), first, second:
        case Mask() as met, Mask(), Mask():
            assert met.first <= min(first.first, second.first)
            assert met.last <= min(first.last, second.last)
        case Geohash() as met, Geohash(), Geohash():
            assert met.precision <= min(first.precision, second.precision)
        case GroupThreshold() as met, GroupThreshold(), GroupThreshold():
            assert met.k >= max(first.k, second.k)
        case DateShift() as met, DateShift(), DateShift():
            assert met.max_days == max(first.max_days, second.max_days)
        case PlanarLaplace() as met, PlanarLaplace(), PlanarLaplace():
            assert met.epsilon == min(first.epsilon, second.epsilon)
        case FormatPreserving() as met, FormatPreserving(), FormatPreserving():
            assert set(met.lengths) == set(first.lengths) & set(second.lengths)


@pytest.mark.parametrize(
    ("first", "second", "met"),
    [
        (Hour(), City(), Suppress()),
        (Pseudonymize(), FreeText(), Suppress()),
        (FreeText(words="placeholder"), FreeText(), FreeText()),
        (FreeText(words="placeholder"), FreeText(words="redact"), FreeText(words="redact")),
        (FreeText(words="token"), FreeText(words="placeholder"), FreeText(words="placeholder")),
        (FreeText(words="token"), FreeText(words="drop"), FreeText()),
        (Keep(shape="code"), Hour(), Hour()),
        (Keep(shape="code"), Keep(shape="host"), Suppress()),
        (Keep(shape="code"), FreeText(words="redact"), Suppress()),
        (Keep(shape="code"), FreeText(words="placeholder"), Suppress()),
        (Keep(values=("a",)), FreeText(words="token"), Suppress()),
        (Keep(shape="code"), FreeText(), FreeText()),
        (Keep(shape="code"), Mask(first=6, last=4, hidden=2), Suppress()),
        (Keep(shape="host"), UrlPath(host=True), Suppress()),
        (Keep(shape="code"), GroupThreshold(k=5), Suppress()),
        (Keep(values=("a",)), Keep(values=("b",)), Suppress()),
        (CountOnly(), Hour(), CountOnly()),
        (UrlPath(host=True), UrlPath(), UrlPath()),
        (TruncateIp(v4=8, v6=48), TruncateIp(v4=16, v6=32), TruncateIp(v4=8, v6=32)),
        (DatePart(unit="day"), DatePart(unit="month"), DatePart(unit="month")),
        (Bucket(edges=(1,)), Bucket(edges=(2,)), Suppress()),
        (Encrypt(), Pseudonymize(), Suppress()),
        (Mask(first=3, last=4, hide_length=False), Mask(first=1, hidden=6), Mask(first=1, hidden=6)),
        (Mask(char="#"), Mask(), Suppress()),
        (GroupThreshold(k=5, in_stream="brand"), GroupThreshold(k=9), GroupThreshold(k=9)),
        (FormatPreserving(lengths=(11,)), FormatPreserving(lengths=(8,)), Suppress()),
        (FormatPreserving(lengths=(8, 11)), FormatPreserving(lengths=(11, 18)), FormatPreserving(lengths=(11,))),
        (FormatPreserving(lengths=(11,)), FormatPreserving(lengths=(11,), alphabet="base36"), Suppress()),
        (Reject(code="PURP_NOT_REGISTERED"), Reject(code="SECRET_PROHIBITED"), Reject(code="SECRET_PROHIBITED")),
        (Categorize(bands={"a": ("x",)}), Categorize(bands=BANDS), Suppress()),
        (Categorize(bands={"a": ("x", "y")}), Categorize(bands=BANDS), Categorize(bands={"a": ("x", "y")})),
        (Categorize(bands=BANDS), Categorize(bands=BANDS, other="no"), Suppress()),
    ],
)
def test_examples(first: Treatment, second: Treatment, met: Treatment) -> None:
    """What cannot be compared is suppressed; what can be is met halfway."""
    assert stricter(first, second) == met


@pytest.mark.parametrize(
    "make",
    [
        Keep,
        lambda: Bucket(edges=(2, 1)),
        lambda: Bucket(edges=()),
        lambda: Bucket(edges=(float("nan"),)),
        lambda: Bucket(edges=(1, float("nan"), 2)),
        lambda: Bucket(edges=(1, float("inf"))),
        lambda: Bucket(edges=(float("-inf"), 1)),
        lambda: Bucket(unit="amount", edges=tuple(number / 100 for number in range(65))),
        lambda: Categorize(bands={}),
        lambda: Categorize(bands={"a": ()}),
        lambda: TruncateIp(v4=32, v6=48),
        lambda: UrlPath(host=True, query=True),  # type: ignore[call-arg]
    ],
)
def test_a_treatment_that_would_keep_everything_is_refused(make: object) -> None:
    """Treatments without bounds, with falling edges or unknown parameters are not valid."""
    with pytest.raises(ValidationError):
        make()  # type: ignore[operator]


def test_bands_are_ordered_and_frozen() -> None:
    """Two categorizations with another order of bands differ, and bands cannot be changed."""
    one, other = Categorize(bands={"a": ("x",), "b": ("y",)}), Categorize(bands={"b": ("y",), "a": ("x",)})
    assert one != other
    assert one != Hour()
    assert isinstance(one.bands, FrozenDict)
    with pytest.raises(TypeError, match="frozen"):
        one.bands.clear()
