"""How wide characters are, about: where in a line its words stand. Pure.

The mean of sans serif and serif fonts, in units in which an average lower-case letter is 0.5: only
their ratios count, as a line is stretched to its box. Of lines of 80 characters words stand 1 to 5
points off, of typewriter fonts more.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

_GROUPS: Final = {
    0.24: "'",
    0.3: " ,.ijl\u2018\u2019łіј",  # noqa: RUF001
    0.34: "/:;\\|!I[]ftıίιїΙΪІЇ()-`\u0622\u0623\u0625\u0627",  # noqa: RUF001
    0.43: 'r"J\u201c\u201d•ґ\u062f\u0630\u0631\u0632',
    0.5: "s{}°τгέεζςз",
    0.55: "*cz?_vxyξστэєγνχкухьҐў",  # noqa: RUF001
    0.6: "^aek\u2013§δθκλавея",
    0.63: "$0123456789bdghnopquøðþ£€ήΰβηορυГЗбдлопрчћђ",
    0.67: "#FLß+<=>PSTZ~×ΓάαμийнцџΖΡΣΤπσРТъ",  # noqa: RUF001
    0.74: "EBYΕΞφΒΔΥБЕКЬΫВУ\u0633\u0634\u0635\u0636",  # noqa: RUF001
    0.79: "ACKRVXΑΚΛΧψАДЛСХЧЭЯмЄжы",  # noqa: RUF001
    0.86: "&DGHNOQUwØΗΝΠωΘΟΦΩИЙНПЦЪфОю",  # noqa: RUF001
    0.94: "©®mΨФњæшщљ",
    1.03: "%MœΜМЫÆЖ",  # noqa: RUF001
    1.1: "@W…ŒШЩ\u2014",
    1.2: "Ю",
}
_WIDTHS: Final = {char: width for width, chars in _GROUPS.items() for char in chars}
_WIDE: Final = 1.1
_BY_CATEGORY: Final = {"Lu": 0.78, "Ll": 0.6, "Lo": 0.6, "Nd": 0.63, "Zs": 0.3}
_ANY: Final = 0.6


@lru_cache(maxsize=4096)
def char_width(char: str) -> float:
    """The width of a character, 0 for marks on the one before it."""
    known = _WIDTHS.get(char)
    if known is not None:
        return known
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Cf", "Cc"):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return _WIDE
    base = unicodedata.normalize("NFD", char)[0]  # an accent makes no letter wider
    return _WIDTHS.get(base) or _BY_CATEGORY.get(category, _ANY)


def text_width(text: str) -> float:
    """The width of a text in one line."""
    return sum(map(char_width, text))
