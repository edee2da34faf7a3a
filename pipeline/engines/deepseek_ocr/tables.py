"""HTML tables and formulas inside a model's text: well-formed and in one convention. Pure.

Every function is total and linear in the length of the text.
"""

from __future__ import annotations

import re

_TABLE_TAG = re.compile(r"<(/?)(table|thead|tbody|tr|td|th)\b([^<>]*)(>?)", re.IGNORECASE)
_CUT_OFF = re.compile(r"</?[a-zA-Z]{0,5}\Z")
_SPAN = re.compile(r"\b(colspan|rowspan)\s*=\s*[\"']?(\d{1,4})\b", re.IGNORECASE)
_OUTER = {
    "table": (),
    "thead": ("table",),
    "tbody": ("table",),
    "tr": ("table", "thead", "tbody"),
    "td": ("tr",),
    "th": ("tr",),
}
"""What each element of a table stands in."""
_FORMULA = re.compile(r"\\\\|\\[()\[\]]")
_LINE_BREAK = r"\\"
_CLOSES = {r"\(": r"\)", r"\[": r"\]"}
_SIGN = {r"\(": "$", r"\[": "$$"}


def repair_tables(text: str) -> str:
    """Close what is open in HTML tables, drop what closes nothing and a tag cut off at the end.

    Attributes other than ``colspan`` and ``rowspan`` are dropped: no table needs them, and the
    text is shown in browsers. Missing ``<tr>`` and ``<table>`` are added. Text without a
    table tag is returned unchanged.
    """
    if not _TABLE_TAG.search(text):
        return text
    out: list[str] = []
    stack: list[str] = []
    at = 0
    for match in _TABLE_TAG.finditer(text):
        out.append(text[at : match.start()])
        at = match.end()
        name = match[2].lower()
        if not match[4]:
            out.append("" if at == len(text) else f"&lt;{match[0][1:]}")
        elif match[1]:
            _close(name, stack, out)
        else:
            _open(name, match[3], stack, out)
    out.append(_CUT_OFF.sub("", text[at:]) if stack else text[at:])
    _unwind(0, stack, out)
    return "".join(out)


def _open(name: str, attributes: str, stack: list[str], out: list[str]) -> None:
    """Open an element where it may stand; a table may stand in a cell."""
    outer = _OUTER[name]
    if not outer:
        if stack and stack[-1] not in ("td", "th"):
            _unwind(0, stack, out)
    else:
        while stack and stack[-1] not in outer and stack[-1] != "table":
            out.append(f"</{stack.pop()}>")
        if not stack or stack[-1] not in outer:
            # A row needs a table, a cell needs a row: both depths end, as "table" needs nothing.
            _open(outer[0], "", stack, out)
    spans = "".join(f' {key.lower()}="{value}"' for key, value in _SPAN.findall(attributes))
    out.append(f"<{name}{spans}>")
    stack.append(name)


def _close(name: str, stack: list[str], out: list[str]) -> None:
    """Close the innermost element of that name in the innermost table, if there is one."""
    for depth in range(len(stack) - 1, max(len(stack) - 6, -1), -1):
        if stack[depth] == name:
            _unwind(depth, stack, out)
            return
        if stack[depth] == "table":
            return


def _unwind(depth: int, stack: list[str], out: list[str]) -> None:
    while len(stack) > depth:
        out.append(f"</{stack.pop()}>")


def unify_formulas(text: str) -> str:
    r"""Write ``\(x\)`` as ``$x$`` and ``\[x\]`` as ``$$x$$``.

    A delimiter without its partner stays as it is, and so does a formula that holds a dollar
    sign. ``\\[2pt]`` is a line break inside a formula and no delimiter.
    """
    out: list[str] = []
    at = 0
    opened: re.Match[str] | None = None
    for match in _FORMULA.finditer(text):
        if match[0] in _CLOSES:
            opened = match
        elif opened is not None and match[0] == _CLOSES[opened[0]]:
            inner = text[opened.end() : match.start()].strip()
            if inner and "$" not in inner:
                sign = _SIGN[opened[0]]
                out += (text[at : opened.start()], sign, inner, sign)
                at = match.end()
            opened = None
        elif match[0] != _LINE_BREAK:
            opened = None
    out.append(text[at:])
    return "".join(out)
