"""Traditional characters of the words, names and addresses that detectors know, and their simplified forms."""

from __future__ import annotations

from typing import Final

_PAIRS: Final = (
    # words that announce
    "證证 証证 繫系 滬沪 遼辽 贛赣 粵粤 陝陕 驗验 據据 護护 號号 碼码 電电 話话 機机 傳传 聯联 絡络 係系 線线 "
    "熱热 專专 撥拨 請请 給给 賬账 帳账 戶户 銀银 "
    "鄉乡 臺台 灣湾 來来 內内 陸陆 車车 郵邮 網网 設设 備备 識识 納纳 稅税 統统 業业 執执 "
    "實实 發发 寫写 時时 間间 個个 還还 與与 這这 過过 國国 際际 華华 幾几 誕诞 農农 曆历 歷历 陰阴 陽阳 "
    "歲岁 齡龄 體体 館馆 訊讯 們们 為为 爲为 後后 從从 對对 應应 費费 單单 條条 錄录 務务 處处 員员 師师 "
    "於于 組组 織织 構构 簽签 "
    "總总 經经 長长 醫医 導导 遊游 顧顾 問问 賣卖 買买 採采 購购 貨货 項项 隻只 萬万 億亿 塊块 幣币 "
    "質质 產产 顯显 顏颜 認认 記记 註注 "
    # surnames and given names
    "趙赵 錢钱 孫孙 吳吴 鄭郑 馮冯 陳陈 衛卫 蔣蒋 韓韩 楊杨 許许 呂吕 張张 嚴严 謝谢 鄒邹 竇窦 雲云 蘇苏 魯鲁 "
    "韋韦 "
    "馬马 鳳凤 兪俞 羅罗 畢毕 鄔邬 湯汤 賀贺 齊齐 蕭萧 賈贾 譚谭 龐庞 紀纪 劉刘 葉叶 鍾钟 鐘钟 駱骆 盧卢 "
    "鄧邓 諸诸 龔龚 龍龙 鄺邝 簡简 闕阙 溫温 莊庄 關关 麥麦 賴赖 藍蓝 閻阎 黃黄 塗涂 連连 遲迟 聶聂 "
    "偉伟 強强 軍军 麗丽 靜静 輝辉 傑杰 蘭兰 濤涛 剛刚 鵬鹏 飛飞 穎颖 瓊琼 慶庆 寶宝 貴贵 榮荣 愛爱 婭娅 嬌娇 "
    "義义 禮礼 學学 賢贤 銘铭 鋒锋 鈞钧 錦锦 維维 綺绮 蓮莲 詩诗 語语 諾诺 軒轩 達达 遠远 進进 運运 風风 "
    "鴻鸿 鶴鹤 樂乐 歡欢 夢梦 顥颢 棟栋 樺桦 權权 澤泽 潔洁 瑋玮 瑩莹 環环 儀仪 勝胜 勳勋 啟启 "
    # addresses
    "縣县 區区 鎮镇 廣广 東东 場场 園园 廈厦 樓楼 層层 門门 灘滩 嶺岭 橋桥 圖图 觀观 豐丰 "
    "廠厂 濱滨 順顺 寧宁 漢汉 濟济 營营 煙烟 貝贝 爾尔 舊旧 劃划 裡里 裏里 "
)
SIMPLIFIED: Final = {ord(pair[0]): pair[1] for pair in _PAIRS.split()}
"""Code of a traditional character → its simplified form: one character for one, so that offsets stay."""
