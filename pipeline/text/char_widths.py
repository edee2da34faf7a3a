"""How wide characters are, about: where in a line its words stand. Pure.

Widths are in ems, of an average sans serif. Only their ratios count: a line is stretched to its
box.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

_GROUPS: Final = {
    0.22: "ijl|'ιίі\u0457\u0458",
    0.28: "!,./:;ftI[]\\Ι\u0406\u0407",  # noqa: RUF001
    0.34: "-()r`\u0622\u0623\u0625\u0627",
    0.38: '"*г\u062f\u0630\u0631\u0632',  # noqa: RUF001
    0.47: "тзэτγν",
    0.5: "ckvsxyzJкхусв",  # noqa: RUF001
    0.6: "FTZГ+<=>~^ωпн",
    0.67: "ABEKPSVXY&жμ",
    0.72: "CDHNRUwыψФ\u0633\u0634\u0635\u0636",
    0.78: "GOQюОΩΘ",  # noqa: RUF001
    0.83: "mMшщфЩШ%ЖМ",
    0.95: "WЮЫ@\u2014",
}
_WIDTHS: Final = {char: width for width, chars in _GROUPS.items() for char in chars}
_SPACE: Final = 0.28
_WIDE: Final = 1.0
_BY_CATEGORY: Final = {"Lu": 0.69, "Ll": 0.555, "Lo": 0.52, "Nd": 0.556, "Zs": _SPACE}
_ANY: Final = 0.556


@lru_cache(maxsize=4096)
def char_width(char: str) -> float:
    """The width of a character in ems, 0 for marks on the one before it."""
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
    """The width of a text in one line, ems."""
    return sum(map(char_width, text))
