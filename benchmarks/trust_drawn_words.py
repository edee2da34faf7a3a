"""Words for `trust_drawn`: English ones, and those of scripts that the CPU engine does not read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

ENGLISH: Final = (
    "river bridge council budget harvest engine winter lantern village market "
    "letter garden copper window teacher journey valley mountain silver captain "
    "kitchen history forest railway number station doctor weather evening morning "
    "summer orchard paper ribbon basket shepherd carried between without because "
    "against nothing although during before after under through opened closed "
    "written broken painted counted measured returned borrowed promised answered "
    "small large heavy narrow ancient quiet yellow bitter gentle certain public "
    "common southern"
)


def words(random: np.random.Generator, count: int) -> str:
    """English words in a random order."""
    return " ".join(map(str, random.choice(ENGLISH.split(), count)))


def sentence(random: np.random.Generator, count: int) -> str:
    """The same with a capital and a full stop."""
    return f"{words(random, count).capitalize()}."


def lines_of(shown: Iterable[str], length: Callable[[str], float], width: float) -> list[str]:
    """Words as lines of at most a width."""
    lines = [""]
    for word in shown:
        longer = f"{lines[-1]} {word}".strip()
        if length(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


OTHER_SCRIPTS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "Russian": (
        ("DejaVuSerif", "LiberationSans-Regular", "NotoSerif-Regular", "LiberationMono-Regular"),
        "Деревянный мост через реку построили весной, однако осенью его унесло "
        "паводком. Совет решил собрать деньги на новый: каждая семья внесла по "
        "двенадцать рублей.",
    ),
    "Russian capitals": (
        ("DejaVuSans", "LiberationSerif-Regular"),
        "РАСТВОР МЕТАНОЛА В ВОДЕ ХРАНИТЬ В СУХОМ МЕСТЕ НЕ ВСКРЫВАТЬ КАРТОН АПТЕКА НОМЕР",
    ),
    "Ukrainian": (
        ("DejaVuSans", "NotoSans-Regular"),
        "Міст через річку збудували навесні, проте восени його знесла повінь. Громада "
        "вирішила зібрати гроші на новий, і кожна родина дала по дванадцять гривень.",
    ),
    "Serbian": (
        ("LiberationSerif-Regular", "DejaVuSerif"),
        "Дрвени мост преко реке саградили су у пролеће, али га је у јесен однела "
        "поплава. Веће је одлучило да сакупи новац за нови.",
    ),
    "Greek": (
        ("DejaVuSerif", "LiberationSerif-Regular", "NotoSans-Regular"),
        "Τη γέφυρα πάνω από το ποτάμι την έχτισαν την άνοιξη, όμως το φθινόπωρο την "
        "πήρε η πλημμύρα. Το συμβούλιο αποφάσισε να μαζέψει χρήματα για καινούργια.",
    ),
    "Arabic": (
        ("NotoNaskhArabic-Regular", "DejaVuSans"),
        "بني الجسر فوق النهر في الربيع لكن الفيضان جرفه في الخريف فقرر المجلس جمع "
        "المال لبناء جسر جديد ودفعت كل أسرة اثني عشر دينارا",
    ),
    "Hebrew": (
        ("NotoSansHebrew-Regular", "NotoSerifHebrew-Regular"),
        "את הגשר מעל הנהר בנו באביב אבל בסתיו סחף אותו השיטפון. המועצה החליטה לאסוף "
        "כסף לגשר חדש וכל משפחה נתנה שנים עשר שקלים",
    ),
    "Devanagari": (
        ("NotoSansDevanagari-Regular", "NotoSerifDevanagari-Regular"),
        "नदी पर पुल वसंत में बनाया गया था लेकिन पतझड़ में बाढ़ उसे बहा ले गई। परिषद "
        "ने नए पुल के लिए पैसा इकट्ठा करने का निर्णय लिया",
    ),
    "Bengali": (
        ("NotoSansBengali-Regular", "NotoSerifBengali-Regular"),
        "নদীর উপর সেতুটি বসন্তে তৈরি হয়েছিল কিন্তু শরতে বন্যা তাকে ভাসিয়ে নিয়ে "
        "যায়। পরিষদ নতুন সেতুর জন্য টাকা তোলার সিদ্ধান্ত নেয়",
    ),
    "Thai": (
        ("NotoSansThai-Regular", "NotoLoopedThai-Regular"),
        "สะพานข้ามแม่น้ำ สร้างขึ้นในฤดูใบไม้ผลิ แต่ในฤดูใบไม้ร่วง น้ำท่วมพัดไป "
        "สภาตัดสินใจ เก็บเงินเพื่อสร้างใหม่ ทุกครอบครัวจ่าย",
    ),
    "Tamil": (
        ("NotoSansTamil-Regular",),
        "ஆற்றின் மேல் பாலம் வசந்த காலத்தில் கட்டப்பட்டது ஆனால் இலையுதிர் காலத்தில் வெள்ளம் அதை அடித்துச் சென்றது",
    ),
    "Georgian": (
        ("NotoSansGeorgian-Regular", "NotoSerifGeorgian-Regular", "DejaVuSans"),
        "ხიდი მდინარეზე გაზაფხულზე ააშენეს მაგრამ შემოდგომაზე წყალდიდობამ წაიღო "
        "საბჭომ გადაწყვიტა ახალი ხიდისთვის ფულის შეგროვება",
    ),
    "Armenian": (
        ("NotoSansArmenian-Regular", "NotoSerifArmenian-Regular", "DejaVuSerif"),
        "Գետի վրայի կամուրջը կառուցեցին գարնանը բայց աշնանը ջրհեղեղը տարավ այն "
        "Խորհուրդը որոշեց գումար հավաքել նորի համար",
    ),
    "Amharic": (
        ("NotoSansEthiopic-Regular", "NotoSerifEthiopic-Regular"),
        "በወንዙ ላይ ያለው ድልድይ በጸደይ ተሠራ ነገር ግን በመከር ጎርፍ ወሰደው ምክር ቤቱ ለአዲስ ድልድይ ገንዘብ ለመሰብሰብ ወሰነ",
    ),
}
"""By name: fonts that have the letters, and words of a few sentences."""
