"""Detection: what is found in a text, and where."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.text.corpus import Sentence, chinese
from transforms.deid.text import KINDS, Span, detect
from transforms.deid.text.detection import DETECTORS
from transforms.deid.text.normal import normal

PIECES = st.sampled_from(
    ["13800138000", "１３９", "0000", "1", "320102198802144604", "4392531317862987", "@", "example.com",
     "电话", "姓名：", "李", "\u200b", " ", "-", "：", "+86", "http://", "?token=", "路1号", "微信", "QQ",
     "生日", "1990", "年", "民国", "身份证", "K538164", "A228469037", "机构代码", "9)", "(",
     "出世", "换了，新的", "就是我", "no=", '"', "护照", "IMEI", "扣 扣",
     "[PHONE]", "::", "fe80", ".", "\ud800"]
)  # fmt: skip
TEXTS = st.one_of(st.text(st.characters(codec=None), max_size=60), st.lists(PIECES, max_size=14).map("".join))


def found(text: str) -> list[tuple[str, str]]:
    """Return (kind, words) of what is found."""
    return [(span.kind, text[span.start : span.end]) for span in detect(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call 13800138000", [("PHONE", "13800138000")]),
        ("电话13800138000谢谢", [("PHONE", "13800138000")]),
        ("手机：１３８\u200b００１３　８０００", [("PHONE", "１３８\u200b００１３　８０００")]),
        ("tel 010-62345678转801", [("PHONE", "010-62345678转801")]),
        ("ring +49 (0)30 901820 now", [("PHONE", "+49 (0)30 901820")]),
        ("IMEI 860738054916279 1台", [("IMEI", "860738054916279")]),  # a count is not a part of it
        # Its check would make a card of it.
        ("IMEI：３５６３８２１０９４７１５００", [("IMEI", "３５６３８２１０９４７１５００")]),
        ("生年月日：1990-05-06", [("DATE_OF_BIRTH", "1990-05-06")]),
        ("身份证320102198802144604", [("ID", "320102198802144604")]),
        ("320102198802144605", []),  # a wrong check digit, and no word
        ("身份证320102198802144605", [("ID", "320102198802144605")]),
        ("税号91320100MA1T4W7K2C", [("ORG_ID", "91320100MA1T4W7K2C")]),
        ("91320100MA1T4W7K2D", []),
        ("4392 5313 1786 2987", [("CARD", "4392 5313 1786 2987")]),
        ("订单4392531317862986", []),
        ("a.b@Example.com和c_d@例.cn", [("EMAIL", "a.b@Example.com"), ("EMAIL", "c_d@例.cn")]),
        ("护照E12345678", [("PASSPORT", "E12345678")]),
        ("型号 G12345678", []),
        ("回乡证H1234567801", [("TRAVEL_PERMIT", "H1234567801")]),
        ("沪A·12345停这", [("LICENSE_PLATE", "沪A·12345")]),
        ("从10.0.0.1到v1.2.3.4", [("IP", "10.0.0.1")]),
        ("std::vector 12:30:45", []),
        ("fe80::1ff:fe23:4567:890a", [("IP", "fe80::1ff:fe23:4567:890a")]),
        ("mac 00:1A:2B:3C:4D:5E", [("MAC", "00:1A:2B:3C:4D:5E")]),
        ("IMEI 869230445145546", [("IMEI", "869230445145546")]),
        ("see https://a.example/x?token=abcd12.", [("URL", "https://a.example/x?token=abcd12")]),
        ("see https://a.example/x?page=2", []),
        ("https://u:p@b.example/", [("URL", "https://u:p@b.example/")]),
        ("微信zhang_88，QQ：12345678", [("WECHAT", "zhang_88"), ("QQ", "12345678")]),
        ("微信支付 wechat payment", []),
        ("born on 5 March 1990", [("DATE_OF_BIRTH", "5 March 1990")]),
        ("生产日期20260301", []),
        ("我叫李建国，", [("NAME", "李建国")]),
        ("my name is Ana de la Cruz.", [("NAME", "Ana de la Cruz")]),
        ("product name: Steel Pipe", []),
        ("地址：南京市星火路17号3栋502室", [("ADDRESS", "南京市星火路17号3栋502室")]),
        ("ship to 12 High Street", [("ADDRESS", "12 High Street")]),
        ("my SSN: 460-89-9847", [("SSN", "460-89-9847")]),
        ("IBAN DE89 3704 0044 0532 0130 00 ok", [("IBAN", "DE89 3704 0044 0532 0130 00")]),
        ("m8 bolts 5000 pcs, 150 200 250 300 mm", []),
        ("", []),
    ],
)  # fmt: skip
def test_what_is_found(text: str, expected: list[tuple[str, str]]) -> None:
    """Each kind is found by its form, its check digits or its word; look-alikes are left."""
    assert found(text) == expected


@pytest.mark.parametrize("one", chinese(), ids=lambda one: one.text[:20])
def test_what_the_gate_keeps_out_holds_nothing(one: Sentence) -> None:
    """No detector finds anything in a text that its gate does not match."""
    plain = normal(one.text).text
    every = {span for detector in DETECTORS for span in detector.find(plain)}
    assert {plain[s.start : s.end] for s in every} >= {normal(one.text[s.start : s.end]).text for s in detect(one.text)}
    assert bool(every) == bool(detect(one.text))


@given(TEXTS)
def test_no_text_raises_and_spans_are_in_order(text: str) -> None:
    """Whatever the text, spans lie within it, do not overlap, hold something, and have a known kind."""
    spans = detect(text)
    end = 0
    for span in spans:
        assert end <= span.start < span.end <= len(text)
        assert span.kind in KINDS
        end = span.end


@given(TEXTS)
def test_the_gate_is_no_narrower_than_the_detectors(text: str) -> None:
    """A text in which some detector finds something passes the gate."""
    plain = normal(text).text
    if any(list(detector.find(plain)) for detector in DETECTORS):
        assert detect(text)


@pytest.mark.parametrize(
    "unit",
    ["1", "a", "@", "a@", "a.", "1 ", "1-", "+1", "姓名", "李", "路", "号1", "省市区", ":", "a:", "f:", "://",
     "http://a", "?token=", "&a_", "(1)", "0", "13800138000", "13800138000 ", "E", "=", "address 1 a ",
     "My name is A ", "A. ", "Mr A ", "出生1990年", "\u200b", "\u200b1", "１", "京A1", "微信a", "[", "aa11 ",
     "1.1.", "电话", "phone ", "12 a st ", "北京市东区", "中1路", "住市", "小区住", "省花园住", "幺三八", "138零",
     "138 ", "0571-88886666/", "(86)", "微信号是", "加v", " at a dot ", "生", "1990年在", "出生(", "客户王小",
     "王小", "、王", "#a.", "a@a。", "杭州市西湖区", "文一路1号", "文一路1号1栋", "银行 6", "ip 1 . ", "姓名：王·",
     "00:1A", "王经理", "1 王", "电话(", "电话1-", "QQ(", "护照（", "通行证", "通行证C1", "台胞证、", "护照C12345678、",
     "台胞证 12345678、", "QQ12345、", "QQ 12345678 ", "微信a_b123、", "a_b123微信", "加V", "mac ", "aa-", "aabbcc-",
     " a at b.", "a.b/?", "@a ,", "@a. ", "12345 QQ", "護照", "证號", "v❤", "a_b1234,", "a1 at ", "mac 001122334455、",
     "A123456", "身份证A123456", "身份证", "K538164(9)、", "A228469037 ", "澳门", "澳门身份证1",
     "机构代码", "机构代码12345678", "民国", "民国7年", "1990年在出", "微信加", "微信abc_12请加abc_12", "座机新的是",
     "座机新的是6321884", "【at】", "a【at】", "meid",
     "杭州中山路与", "潍坊市圣城东街与兴安路", "文一路1号和平里", "香港道1号", "1990年5月6日属",
     "88年生", "审核:牛", "Room 5, No. 1 a ", '"', '":"', '"passport_no":"', "birth:", "userBirth", "生日错，我是",
     "三月初五(农历)", "nginx: 1.1.1.1", "1.1.1.1 - a [", "IMEI", "就这个IMEI", "QQ换了，新的", "QQ12345停，新的12346",
     "微信换了，新的", "微信ab_123停，新的ab_124", "卫星a", "亻言", "扣 ", "护照，号码是", "护照 no=", "A1234567，护照",
     "台胞证 no=", "香港ID"],
)  # fmt: skip
def test_time_is_linear(unit: str) -> None:
    """A text of 100,000 characters made to mislead is read within two seconds, however often it repeats itself."""
    text = unit * (100_000 // len(unit))
    start = time.process_time()
    detect(text)
    assert time.process_time() - start < 2


def test_the_longest_span_wins_and_no_rest_is_left() -> None:
    """An e-mail address within a URL with credentials belongs to the URL; what only a loser covers stays covered."""
    assert found("https://me:pw@mail.example.com/x") == [("URL", "https://me:pw@mail.example.com/x")]
    assert detect("x") == []
    assert Span(1, 2, "ID") < Span(1, 3, "ID")
