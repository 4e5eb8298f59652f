"""Every kind in every way of writing, and every output in its place: the list of what is promised, line by line."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.deid.text import KINDS, redact
from transforms.deid.treatments.free_text import free_text

# Kind → words before, the identifier, words behind.
PROMISED = {
    "mainland mobile": ("PHONE", "打", "13800138000", "找我"),
    "mainland landline": ("PHONE", "打", "0571-88886666", "转接"),
    "international phone": ("PHONE", "打", "+49 30 901820", "找我"),
    "e-mail": ("EMAIL", "发到", "zhang.san@example.com", "即可"),
    "resident ID of 18": ("ID", "证件", "320102198802144604", "有误"),
    "resident ID with X": ("ID", "证件", "32058319870611507X", "有误"),
    "resident ID of 15": ("ID", "证件", "320102660101123", "有误"),
    "card of Hong Kong": ("ID", "证件", "K538164(9)", "有误"),
    "card of Taiwan": ("ID", "证件", "A228469037", "有误"),
    "card of Macao": ("ID", "澳门身份证", "5123456(7)", "有误"),
    "organization code": ("ORG_ID", "组织机构代码", "69471803-2", "有误"),
    "credit code": ("ORG_ID", "税号", "91320100MA1T4W7K2C", "有误"),
    "bank card": ("CARD", "打款到", "6222022678517170859", "即可"),
    "account abroad": ("IBAN", "打款到", "DE89370400440532013000", "即可"),
    "passport": ("PASSPORT", "护照", "E12345678", "过期"),
    "travel permit": ("TRAVEL_PERMIT", "港澳通行证", "C12345678", "过期"),
    "licence plate": ("LICENSE_PLATE", "车牌", "苏A12345", "违停"),
    "IPv4": ("IP", "从", "114.222.67.9", "登录"),
    "IPv6": ("IP", "从", "2001:db8:85a3::8a2e:370:7334", "登录"),
    "MAC": ("MAC", "网卡", "00:1A:2B:3C:4D:5E", "离线"),
    "IMEI": ("IMEI", "串号", "869230445145546", "被盗"),
    "WeChat": ("WECHAT", "微信", "zhang_san88", "聊"),
    "QQ": ("QQ", "扣扣", "123456789", "在线"),
    "URL with credentials": ("URL", "打开", "https://root:pw12@a.example.com/x", "失败"),
    "URL with a token": ("URL", "打开", "https://a.example.com/x?token=8f3a9c2d", "失败"),
    "date of birth": ("DATE_OF_BIRTH", "生日", "1990年5月6日", "，本人"),
    "Chinese address": ("ADDRESS", "地址：", "南京市星火路17号3栋502室", "，谢谢"),
    "English address": ("ADDRESS", "ship to ", "12 High Street", "; thanks"),
    "Chinese name": ("NAME", "姓名：", "王小明", "，谢谢"),
    "English name": ("NAME", "my name is ", "Ana Lopez", ", thanks"),
    "American social security": ("SSN", "my SSN ", "460-89-9847", ", thanks"),
}
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
WRITINGS = {
    "plain": lambda text: text,
    "full-width": lambda text: text.translate(FULL_WIDTH),
    "zero-width": "\u200b".join,
    "full-width and zero-width": lambda text: "\ufeff".join(text.translate(FULL_WIDTH)),
}
CASES = [(name, writing) for name in PROMISED for writing in WRITINGS]


def test_every_kind_is_promised() -> None:
    """The table has a line for each kind that detection knows."""
    assert {kind for kind, *_ in PROMISED.values()} == set(KINDS)


@pytest.mark.parametrize(("name", "writing"), CASES)
def test_a_kind_in_a_writing(name: str, writing: str) -> None:
    """It goes whole, in each output: as `[redacted]`, as its kind, as what the caller's token says; the words stay."""
    kind, before, identifier, behind = PROMISED[name]
    written = WRITINGS[writing](identifier)
    texts = pa.array([f"{before}{written}{behind}"])
    assert free_text(texts, "redact")[0].to_pylist() == [f"{before}[redacted]{behind}"]
    assert free_text(texts, "placeholder")[0].to_pylist() == [f"{before}[{kind}]{behind}"]
    assert redact(texts, "token", lambda one, value: f"<{one} {len(value)}>").to_pylist() == [
        f"{before}<{kind} {len(written)}>{behind}"
    ]
    assert free_text(texts)[0].to_pylist() == [None]


@pytest.mark.parametrize(
    "written",
    ["138 0013 8000", "138-0013-8000", "１３８－００１３－８０００", "138 - 0013 - 8000", "+86 138 0013 8000",
     "(+86)13800138000", "0086-13800138000", "1 3 8 0 0 1 3 8 0 0 0", "13800 138000", "幺三八零零幺三八零零零",
     "138零零一三8000", "138OO138OOO", "1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0", "（010）6552-9988", "010——65529988",
     "0571 8888 6666 转 803", "021-64331817*8012", "+86 (0)571 8888 6666", "400-820-5678", "400 820 5678",
     "4008205678", "4008-205-678", "852-2345 6789", "886-2-2345-6789"],
)  # fmt: skip
def test_telephones_in_groups(written: str) -> None:
    """Telephone numbers are found in the groups, dashes and numerals in which they are written, to their ends."""
    assert redact(pa.array([f"打{written}，谢谢"])).to_pylist() == ["打[PHONE]，谢谢"]


@pytest.mark.parametrize(
    "text",
    ["订单号13800138000", "单价13800138000元", "合计13800138000.00元", "型号：13800138000", "SF1380013800012",
     "JD13912345678", "https://a.example.com/list?page=13800138000", "手机 128 256 512", "手机1999-2999价位",
     "电话2026-05-06回访", "起订400 800 1200 件", "坐标+31.230416,+121.473701", "批号13912345678",
     "规格 1380×1380×200", "一三五七九", "生产日期2026年5月6日", "2026年5月6日生效", "生日蛋糕5月6日送",
     "90后创业者", "公司成立于1998年5月", "子网掩码255.255.255.0", "升级到10.2.0.14后闪退", "第1.2.3.4条",
     "logo@2x.png", "git@github.com:acme/a.git", "料号 1234-5678-9012", "微信公众号：abc_pump",
     "https://s.example.com/search?key=bearing", "https://s.example.com/hs?code=8413703090",
     "会员卡号 6222123412341234", "产品经理招聘", "对方经理不接", "谢谢老师", "我是高级工程师", "联系人方式怎么改",
     "北京路步行街", "粤B2-20090059", "Q235钢板", "编号0012345678", "水表 0012345678", "编号 1234567是我家电话",
     "123456 是我家电话", "Dear Customer", "苏AABCD1", "order 460-89-9847", "ip 255 . 255 . 255 . 0",
     "型号138OO138OOO", "+999 12 3456", "order 415-555-0132", "料号138-0057-4417B", "合同HC-2024-13912345678",
     "WX200450型电磁阀", "WXPY-200型号", "VX-A12345型泵", "wxWidgets开发", "微信小程序 haichuan_mall", "Q/320505-2023",
     "车辆通行证 20240018", "台胞证有效期到20300101", "通行证系统维护 2024-11-18", "护照丢了，电话A1234567",
     "MAC口红 123456789012", "10:20:30:40", "Room 5 at hotel.com", "meet me at example.com", "E12345678这个型号",
     "K538164(8)", "型号K538164(9)", "K5381649阀门", "身份证阅读器 A123456", "身份证阅读器型号 A123456", "A1234567(8)",
     "A123456789", "A123456789电机", "料号A123456789替代", "身份证照片，型号A123456789", "A123456789012",
     "A123456780 姓名", "零件 B200000003", "澳门身份证办理 2024118", "澳门展会 51234567", "机构代码 12345678",
     "组织机构代码查询 123456789",
     "民国76年5月4日老照片", "生产于民国76年", "保用50年生锈包换", "90年生产", "1988年3月2日生产，属牛皮", "https://a.example.com/p?design=oak12",
     "https://a.example.com/p?productCode=A12345&signin=1", "微信转账：ab_2020", "微信公众号：abc_pump1",
     "加微信发图，再加DN50_PN16法兰", "电话会议 6688990", "座机坏了，订单66889900", "Q235 12345678", "Q690 1234567",
     "13851670294这个是运单号", "审核:通过", "检验:金属制品", "姓名|电话|地址", "患者安全教育", "Dior女士香水",
     "北京路和人民路交叉口", "高级，浙江省内包邮", "WJ2-1234泵", "焊机ARC K200450", "规格08-1234-5678",
     "新款2024年5月6日上市，出世之作", "生日那天下单，订单是2024-05-06的", "生日礼物没到，我是2024-05-06下单的",
     "生日蛋糕，应该是2024-05-06送到", "生日会员，现在是2024-05-06", "出生证明，应该是2024-05-06之前开",
     "birth control 2024-05-06", "birth certificate no: 20240506", "birthplace: 2024-05-06", "rebirth: 2024-05-06",
     "nginx 1.25.3.1", "Chrome/145.0.0.0 Edg/145.0.0.0 Chrome/124.0.67.91",
     "nginx: 1.25.3.1 升级失败", "固件升级到 v114.2.0.14", "版本 114.0.5.7", "见10.2.3.4",
     "升级 10.2.0.14/24核", "订单358912083047566", "机身358912083047566 IMEI：", "SIMEI358912083047567",
     "扣 扣子 100 个", "纽扣 扣子 12345678", "球 球阀 12345678", "QQ换了，老的订单88776655", "QQ换了，新的20240506",
     "QQ糖换了，新的12345678", "QQ换了，新的 12345678元", "QQ车险保单，新的 12345678",
     "微信换了，新的iPhone15Pro", "微信换了，新的MATE60", "微信更换，新的v8_0_49", "微信版本，新的ab_2026",
     "微信小程序的话搜haichuan_mall", "卫星SpaceX123", "卫星tv1000接收", "卫星starlink套餐", "卫星云图starlink1",
     "香港ID展 A123456", "香港idc机房 K5381649", "香港ID，型号K5381648", "报关单 A228469037", "本人买的型号A228469037",
     "我老婆的手机壳，货号A228469037", "护照夹 SF1234567", "SF1234567，护照收到了", "型号C3JK82T5X，护照过期了",
     "护照换了，C3JK82T5X", "护照拍照，订单号码是561203984", "护照复印件寄了，快递号码：561203984",
     "护照预约号561203984", "护照业务编号：561203984", "护照办理要带561203984", "台胞证到期 no=20300101",
     "part_no: 1234567", "telescope_no: 6688990", '微信 "小程序" abc_pump1', '"wechat": "", "memo": "abc_pump1"'],
)  # fmt: skip
def test_what_looks_alike_is_another_thing(text: str) -> None:
    """Numbers of orders, prices, sizes, versions and products, dates of goods and words for people are no person's."""
    assert "[" not in redact(pa.array([text])).to_pylist()[0].replace("[NUMBER]", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0571-88886666/88886667", "[PHONE]/[PHONE]"),
        ("电话：88886666、88886667", "电话：[PHONE]、[PHONE]"),
        ("13800138000或13900139000", "[PHONE]或[PHONE]"),
        ("88886666是我家电话", "[PHONE]是我家电话"),
        ("1990年5月6日是我生日", "[DATE_OF_BIRTH]是我生日"),
        ("出生日期填的是1992-06-06", "出生日期填的是[DATE_OF_BIRTH]"),
        ("1988年3月9日在杭州出生", "[DATE_OF_BIRTH]在杭州出生"),
        ("我生于一九七八年", "我生于[DATE_OF_BIRTH]"),
        ("生日（农历）：八月十五", "生日（农历）：[DATE_OF_BIRTH]"),
        ("call +1 415 555 0132 5550", "call [PHONE] 5550"),
        ("born in May 1990", "born in [DATE_OF_BIRTH]"),
        ("wang艾特example点com", "[EMAIL]"),
        ("li@例子.公司", "[EMAIL]"),
        ("先加微信再说，号是abc_2026", "先加微信再说，号是[WECHAT]"),
        ("ip地址：192 . 168 . 10 . 25", "ip地址：[IP]"),
        ("MAC地址 00 1A 2B 3C 4D 5E", "MAC地址 [MAC]"),
        ("客户万晓东要求退款", "客户[NAME]要求退款"),
        ("业务员小王说的", "业务员[NAME]说的"),
        ("周涛（13800138000）", "[NAME]（[PHONE]）"),
        ("我在杭州余杭区文一西路969号等", "我在[ADDRESS]等"),
        ("電話：13800138000，護照號碼K01928374", "電話：[PHONE]，護照號碼[PASSPORT]"),
        ("电话177-2084-5516/191 5508 2437", "电话[PHONE]/[PHONE]"),
        ("whatsapp 8613658274091", "whatsapp [PHONE]"),
        ("MAC：AC:DE:48:00:11:22", "MAC：[MAC]"),
        ("mac白名单加001a2b3c4d5e、001a2b3c4d5f", "mac白名单加[MAC]、[MAC]"),
        ("通行证W52018374早过期了，新的是CA7160482", "通行证[TRAVEL_PERMIT]早过期了，新的是[TRAVEL_PERMIT]"),
        ("台胞证02938475、02938476", "台胞证[TRAVEL_PERMIT]、[TRAVEL_PERMIT]"),
        ("02938475（台胞证）", "[TRAVEL_PERMIT]（台胞证）"),
        ("护照发来了，号码E1234 5678", "护照发来了，号码[PASSPORT]"),
        ("护照P05271846、DE1936072", "护照[PASSPORT]、[PASSPORT]"),
        ("N1928374是我的护照", "[PASSPORT]是我的护照"),
        ("微信号：GZ_liangpi07QQ：2850173946", "微信号：[WECHAT]QQ：[QQ]"),
        ("微信lily_1990或lily_1991", "微信[WECHAT]或[WECHAT]"),
        ("v❤x:yiwu_xiaofang", "v❤x:[WECHAT]"),
        ("lily_1990是我微信", "[WECHAT]是我微信"),
        ("VX fengjixiaoli", "VX [WECHAT]"),
        ("微信 cn8888888\n微信\nabc_9999", "微信 [WECHAT]\n微信\nabc_9999"),
        ("扣扣 872640315、3052817749", "扣扣 [QQ]、[QQ]"),
        ("294857163是我的QQ", "[QQ]是我的QQ"),
        ("QQ号被盗了，号是294857163", "QQ号被盗了，号是[QQ]"),
        ("邮箱 liwei at haichuan.com", "邮箱 [EMAIL]"),
        ("li88 @ haichuan . com", "[EMAIL]"),
        ("m.example.com/reset?token=8f3a9c2d", "[URL]"),
        ("香港身份證號碼 K538164（9）開戶", "香港身份證號碼 [ID]開戶"),
        ("身份证K538164 2张", "身份证[ID] 2张"),
        ("hkid k5381649 ok", "hkid [ID] ok"),
        ("型号K538164(9)是我的身份证", "型号[ID]是我的身份证"),
        ("身份证和护照Z4820617", "身份证和护照[PASSPORT]"),
        ("身分證字號，我的是A228469037", "身分證字號，我的是[ID]"),
        ("身分證A123456780", "身分證[ID]"),  # right behind its word the check digit may be wrong
        ("被保人王小明 A228469037", "被保人王小明 [ID]"),
        ("統一證號：AC01234567", "統一證號：[ID]"),
        ("澳門居民身份證 1/234567/8", "澳門居民身份證 [ID]"),
        ("永居证USA320188021412", "永居证[ID]"),
        ("组织机构代码证到期，代码694718032", "组织机构代码证到期，代码[ORG_ID]"),
        ("组织机构代码：694718032、MA1K4D8H-4、MA1K4D8H-5", "组织机构代码：[ORG_ID]、[ORG_ID]、MA1K4D8H-5"),
        ("税号 330106694718032", "税号 [ORG_ID]"),
        ("护照No.M70418265", "护照No.[PASSPORT]"),
        ("台胞证上面8位数字08362719", "台胞证上面8位数字[TRAVEL_PERMIT]"),
        ("出生年月日：民國76年5月4日", "出生年月日：[DATE_OF_BIRTH]"),
        ("生於民國七十六年五月四日", "生於[DATE_OF_BIRTH]"),
        ("民國76年5月4日生", "[DATE_OF_BIRTH]生"),
        ("生日 76/05/04", "生日 [DATE_OF_BIRTH]"),
        ("出生年月日 101.05.04", "出生年月日 [DATE_OF_BIRTH]"),
        ("出生日期：西元1987年5月4日", "出生日期：西元[DATE_OF_BIRTH]"),
        ("出生年份：1990", "出生年份：[DATE_OF_BIRTH]"),
        ("year of birth: 1990", "year of birth: [DATE_OF_BIRTH]"),
        ("我88年生，她90年生人", "我[DATE_OF_BIRTH]生，她[DATE_OF_BIRTH]生人"),
        ("出生日期|1990-05-06|性别", "出生日期|[DATE_OF_BIRTH]|性别"),
        ("阴历八月十五生日", "阴历[DATE_OF_BIRTH]生日"),
        ("88年3月2日的，属龙", "[DATE_OF_BIRTH]的，属龙"),
        ("https://a.example.com/r?userSig=eJwtzE&role=guest", "[URL]"),
        ("https://a.example.com/pay?paySign=9F8E7D", "[URL]"),
        ("https://a.example.com/i?verifyCode=8F2K1x", "[URL]"),
        ("加我微信发图，或者加abc_2026", "加我微信发图，或者加[WECHAT]"),
        ("微信abc_2026加满了，请加abc_2027", "微信[WECHAT]加满了，请加[WECHAT]"),
        ("加微信聊：abc_2026", "加微信聊：[WECHAT]"),
        ("QQ客服：12345678", "QQ客服：[QQ]"),
        ("座机63开头那个停机了，新的是63218847", "座机63开头那个停机了，新的是[PHONE]"),
        ("座机换了，66889900", "座机换了，[PHONE]"),
        ("经手人:佟磊 审核:牛桂芳", "经手人:[NAME] 审核:[NAME]"),
        ("登记表|姓名|覃海燕|", "登记表|姓名|[NAME]|"),
        ("陪同人员 何嘉慧，随行", "陪同人员 [NAME]，随行"),
        ("1、郝建国 230103197206151912", "1、[NAME] [ID]"),
        ("外商Rajesh Kulkarni先生", "外商[NAME]先生"),
        ("欧阳雪晴 女士", "[NAME] 女士"),
        ("机票姓名 WANG/XIAOLEI MS", "机票姓名 [NAME] MS"),
        ("天津市滨海新区二号路1177号3号库，", "[ADDRESS]，"),
        ("台中市西屯區工業區三十八路210號5樓之3 收", "[ADDRESS] 收"),
        ("武汉市洪山区雄楚大道268号书香苑7-2-903，", "[ADDRESS]，"),
        ("长沙市雨花区香樟路469号融科三万英尺B区12栋408，", "[ADDRESS]，"),
        ("成都市武侯区福锦路二段19号附6号 谢谢", "[ADDRESS] 谢谢"),
        ("香港九龍觀塘鴻圖道42號華寶中心12樓B室 收", "[ADDRESS] 收"),
        ("成都市青羊区光华北三路98号门口", "[ADDRESS]门口"),
        ("寿光市圣城东街与兴安路交叉口", "寿光市圣城东街与兴安路交叉口"),  # of no city that the list has
        ("潍坊市圣城东街与兴安路交叉口往南200米路西，", "[ADDRESS]，"),
        ("91234567 whatsapp", "[PHONE] whatsapp"),
        ("手機0912 345 678、090-1234-5678", "手機[PHONE]、[PHONE]"),
        ("li【at】example.com", "[EMAIL]"),
        ("MEID A0000049D5B3F2", "MEID [IMEI]"),
        ("武警WJ苏12345", "武警[LICENSE_PLATE]"),
        ("passport_no: 561203984, birth: 12 Mar 1986", "passport_no: [PASSPORT], birth: [DATE_OF_BIRTH]"),
        ('"passportNo":"K8271635","userBirth":"1986-03-12"', '"passportNo":"[PASSPORT]","userBirth":"[DATE_OF_BIRTH]"'),
        ('{"phone": "88886666", "qq": "59281734"}', '{"phone": "[PHONE]", "qq": "[QQ]"}'),
        ("tel_no=66889900 qq_no=59281734 wx_id=lilychen88", "tel_no=[PHONE] qq_no=[QQ] wx_id=[WECHAT]"),
        ("date_of_birth=1990-05-06", "date_of_birth=[DATE_OF_BIRTH]"),
        ("生日(1990-05-06)", "生日([DATE_OF_BIRTH])"),
        ("出世日期：1990年5月6日", "出世日期：[DATE_OF_BIRTH]"),
        ("15-3-1968出世", "[DATE_OF_BIRTH]出世"),
        ("生日不對，應該是1990年11月23日", "生日不對，應該是[DATE_OF_BIRTH]"),
        ("出生日期录错了，我是1990.11.23的", "出生日期录错了，我是[DATE_OF_BIRTH]的"),
        ("三月初五（农历）是我生日", "[DATE_OF_BIRTH]（农历）是我生日"),
        ("nginx: 114.222.67.9 - - [17/May/2026:10:22:31 +0800]", "nginx: [IP] - - [17/May/2026:10:22:31 +0800]"),
        ("nginx: 10.0.0.7 - - [17/May/2026:10:22:31 +0800]", "nginx: [IP] - - [17/May/2026:10:22:31 +0800]"),
        ("app 10.0.0.7:8443 连不上，固件升级后192.168.1.1也", "app [IP]:8443 连不上，固件升级后[IP]也"),
        ("旧机IMEI358912083047567，", "旧机IMEI[IMEI]，"),
        ("机身35-918207-461930-7 就这个IMEI", "机身[IMEI] 就这个IMEI"),
        ("机身358912083047566（串号）", "机身[IMEI]（串号）"),
        ("扣 扣 2047-183-965", "扣 扣 [QQ]"),
        ("qq号换了，老的59281734被盗，新的3627184095", "qq号换了，老的[QQ]被盗，新的[QQ]"),
        ("QQ 59281734停用，新的是3627184095", "QQ [QQ]停用，新的是[QQ]"),
        ("扣是2047183965", "扣是[QQ]"),
        ("QQ 2：59281734", "QQ 2：[QQ]"),
        ("2047183965这就是我 QQ", "[QQ]这就是我 QQ"),
        ("微信不用了，现在的lily_2026", "微信不用了，现在的[WECHAT]"),
        ("微信号lily_2025停用，新的lily_2026", "微信号[WECHAT]停用，新的[WECHAT]"),
        ("加vx的话搜lilychen，", "加vx的话搜[WECHAT]，"),
        ("lily_chen就是我微信", "[WECHAT]就是我微信"),
        ("卫星lilychen888，看到都会回", "卫星[WECHAT]，看到都会回"),
        ("微亻言：lilychen88", "微亻言：[WECHAT]"),
        ("香港ID冇括號版 K5381649", "香港ID冇括號版 [ID]"),
        ("hk_id_no: K5381648", "hk_id_no: [ID]"),
        ("改成我媽的，A228469037", "改成我媽的，[ID]"),
        ("澳門身份證：\n5123456(7)", "澳門身份證：\n[ID]"),
        ("旅券番号TR6028417，여권 M12345678", "旅券番号[PASSPORT]，여권 [PASSPORT]"),
        ("C3JK82T5X，护照有效期到2029-03", "[PASSPORT]，护照有效期到2029-03"),
        ("护照换了，新号码是561203984", "护照换了，新号码是[PASSPORT]"),
        ("type=护照 cert_no=P1234567", "type=护照 cert_no=[PASSPORT]"),
        ("type=护照 no=561203984", "type=护照 no=[PASSPORT]"),
        ("cert=台胞证 no=09163847", "cert=台胞证 no=[TRAVEL_PERMIT]"),
    ],
)
def test_what_stands_beside_decides(text: str, expected: str) -> None:
    """Lists go on, words may stand before or behind, and several may lie between."""
    assert redact(pa.array([text])).to_pylist() == [expected]
