"""The scripts of languages, for `/Lang` of a PDF and for the names of Tesseract's data. Pure.

Codes are those of ISO 639 (two or three letters) and ISO 15924; most languages that are not in the
table are written in Latin letters.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.text.script_ranges import VIETNAMESE

LATIN: Final = "Latin"
_BY_SCRIPT: Final = {
    "Arabic": "ar ara ckb fa fas per ps pus sd snd ug uig ur urd",
    "Armenian": "hy hye arm",
    "Bengali": "as asm bn ben",
    "Cyrillic": "ba bak be bel bg bul ce che cv chv kk kaz ky kir mk mkd mn mon ru rus sr srp tg"
    " tgk tt tat uk ukr",
    "Devanagari": "hi hin mr mar ne nep sa san",
    "Ethiopic": "am amh ti tir",
    "Georgian": "ka kat geo",
    "Greek": "el ell gre grc",
    "Gujarati": "gu guj",
    "Gurmukhi": "pa pan",
    "Han": "ja jpn zh zho chi",
    "Hangul": "ko kor",
    "Hebrew": "he heb iw yi yid",
    "Kannada": "kn kan",
    "Khmer": "km khm",
    "Lao": "lo lao",
    "Malayalam": "ml mal",
    "Myanmar": "my mya",
    "Oriya": "or ori",
    "Sinhala": "si sin",
    "Syriac": "syr",
    "Tamil": "ta tam",
    "Telugu": "te tel",
    "Thaana": "dv div",
    "Thai": "th tha",
    "Tibetan": "bo bod dz dzo",
    VIETNAMESE: "vi vie",
}
_SCRIPT_OF: Final = {code: script for script, codes in _BY_SCRIPT.items() for code in codes.split()}
_SUBTAGS: Final = {"latn": LATIN, "cyrl": "Cyrillic", "arab": "Arabic", "deva": "Devanagari"}
"""The scripts of languages that are written in more than one."""


def language_script(tag: str) -> str | None:
    """The script of a language, None where the tag is empty or says nothing.

    Args:
        tag: A language tag such as "ru-RU" or "sr-Latn", or a name of Tesseract's such as
            "uzb_cyrl". Letters may be large or small.
    """
    primary, *subtags = re.split(r"[-_]", tag.strip().lower())
    if not re.fullmatch(r"[a-z]{2,3}", primary):
        return None
    named = next((_SUBTAGS[subtag] for subtag in subtags if subtag in _SUBTAGS), None)
    return named or _SCRIPT_OF.get(primary, LATIN)
