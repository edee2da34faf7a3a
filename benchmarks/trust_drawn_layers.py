"""Pages with a text layer for `trust_drawn`: odd fonts, hidden text, pictures, broken content."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pymupdf
from PIL import Image, ImageDraw, ImageFont

from benchmarks.broken_fonts import without_names
from benchmarks.trust_drawn_words import sentence, words
from benchmarks.trust_pages import Case
from tests.support import sample_documents

Random = np.random.Generator

_FONTS: Final = (
    *("DejaVuSans", "DejaVuSerif", "LiberationSans-Regular", "LiberationSerif-Regular"),
    *("LiberationSerif-Bold", "LiberationSans-Italic", "LiberationMono-Regular"),
    *("DejaVuSansCondensed", "DejaVuSerif-Bold", "LiberationSansNarrow-Regular"),
)
_MINUS: Final = "\u2212"
_DIGITS: Final = "0123456789"


def _prose_page(document: Any, random: Random, rows: int = 24) -> tuple[Any, list[str]]:
    sheet = document.new_page(width=612, height=792)
    lines = [sentence(random, 9) for _ in range(rows)]
    for row, line in enumerate(lines):
        sheet.insert_text((60, 70 + 15 * row), line, fontsize=10.5)
    return sheet, lines


def _numbers(name: str, random: Random) -> Case:
    """Numbers whose signs, points or digits are stored as something else."""
    digits = [str(digit) for digit in random.permutation(list(_DIGITS))]
    point = str(random.choice([":", ";", "=", "/", digits[0]]))
    shifted = {digit: chr(33 + (index * 3) % 15) for index, digit in enumerate(digits)}
    faults: dict[str, dict[str, str]] = {
        "minus as a digit": {_MINUS: digits[0]},
        "minus as a letter": {_MINUS: str(random.choice(list("DlKnC")))},
        "point": {".": point},
        "comma as a letter": {",": str(random.choice(list(";>l=")))},
        "digits as signs": shifted,
        "digits exchanged": dict(zip(_DIGITS, digits, strict=True)),
        "digits as letters": dict(zip(_DIGITS, "qwertyuiop", strict=True)),
    }
    fault = str(random.choice(list(faults)))
    with pymupdf.open() as document:
        sheet, _ = _prose_page(document, random)
        values = [f"{value:+,.2f}".replace("-", _MINUS) for value in random.uniform(-9e3, 9e3, 12)]
        values = [value.lstrip("+") for value in values]
        places = [(70 + 120 * (i % 4), 480 + 22 * (i // 4)) for i in range(12)]
        _stored_otherwise(
            document, sheet, list(zip(places, values, strict=True)), faults[fault], random
        )
        return Case(
            "2", f"{name}: {fault}", document.tobytes(garbage=3), words=" ".join(values), least=1.0
        )


def _labels(name: str, random: Random) -> Case:
    """Labels of a chart in a font whose letters are stored as other ones."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    shift = int(random.integers(1, 25))
    table = {letter: chr(33 + (index + shift) % 94) for index, letter in enumerate(letters)}
    if random.random() < 0.5:  # letters for letters
        table = dict(zip(letters, map(str, random.permutation(list(letters))), strict=True))
    with pymupdf.open() as document:
        sheet, _ = _prose_page(document, random)
        labels = [words(random, 2).title() for _ in range(int(random.integers(4, 9)))]
        sheet.draw_rect((80, 470, 520, 700), width=0.6)
        places = [(90 + 200 * (i % 2), 500 + 30 * (i // 2)) for i in range(len(labels))]
        _stored_otherwise(document, sheet, list(zip(places, labels, strict=True)), table, random)
        return Case("2", name, document.tobytes(garbage=3), words=" ".join(labels))


def _stored_otherwise(
    document: Any,
    sheet: Any,
    texts: list[tuple[tuple[int, int], str]],
    table: dict[str, str],
    random: Random,
) -> None:
    """Texts in an embedded font of which some characters are stored as others."""
    path = ImageFont.truetype(f"{random.choice(_FONTS)}.ttf").path
    font = Path(str(path)).read_bytes()
    font = font if random.random() < 0.5 else without_names(font)
    sheet.insert_font(fontname="N1", fontbuffer=font)
    size = float(random.uniform(8, 11))
    for place, text in texts:
        sheet.insert_text(place, text, fontname="N1", fontsize=size)
    [xref] = [entry[0] for entry in sheet.get_fonts() if entry[4] == "N1"]
    loaded = pymupdf.Font(fontbuffer=font)
    shown = sorted(set("".join(text for _, text in texts)))
    rows = [(loaded.has_glyph(ord(char)), table.get(char, char)) for char in shown]
    _, said = document.xref_get_key(xref, "ToUnicode")
    listed = "".join(f"<{glyph:04x}> <{ord(char):04x}>\n" for glyph, char in rows)
    told = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def "
        "/CMapType 2 def 1 begincodespacerange <0000> <ffff> endcodespacerange "
        f"{len(rows)} beginbfchar\n{listed}endbfchar endcmap end end"
    )
    document.update_stream(int(said.split()[0]), told.encode())


def _hidden(name: str, random: Random) -> Case:
    """Text that is not seen, in one of many ways; and white text that is seen."""
    secret = " ".join(f"zq{number}xv" for number in random.integers(100, 999, 5))
    way = str(random.choice(list(_HIDDEN)))
    with pymupdf.open() as document:
        sheet, lines = _prose_page(document, random)
        _HIDDEN[way](sheet, secret)
        content = document.tobytes(garbage=3)
    first, last = secret.split()[0], lines[-1].rstrip(".")
    if way == "white on a dark bar":
        return Case("6", f"{name}: {way}", content, (), words=secret)
    return Case("6", f"{name}: {way}", content, (last,), (first,))


def _painted(sheet: Any, secret: str, *, size: float = 9, **how: Any) -> None:
    sheet.insert_text((60, 600), secret, fontsize=size, **how)


def _under_white(sheet: Any, secret: str) -> None:
    _painted(sheet, secret)
    sheet.draw_rect((50, 580, 560, 620), color=None, fill=(1, 1, 1))


def _on_bar(sheet: Any, secret: str) -> None:
    sheet.draw_rect((50, 580, 560, 620), color=None, fill=(0.1, 0.1, 0.4))
    _painted(sheet, secret, color=(1, 1, 1))


def _in_layer(sheet: Any, secret: str) -> None:
    group = sheet.parent.add_ocg("Notes", on=False)
    _painted(sheet, secret, oc=group)


_HIDDEN: Final[dict[str, Callable[[Any, str], None]]] = {
    "white": lambda sheet, secret: _painted(sheet, secret, color=(1, 1, 1)),
    "almost white": lambda sheet, secret: _painted(sheet, secret, color=(0.99, 0.99, 0.99)),
    "render mode 3": lambda sheet, secret: _painted(sheet, secret, render_mode=3),
    "transparent": lambda sheet, secret: _painted(sheet, secret, fill_opacity=0, stroke_opacity=0),
    "off the page": lambda sheet, secret: sheet.insert_text((60, 830), secret, fontsize=9),
    "tiny": lambda sheet, secret: _painted(sheet, secret, size=0.2),
    "under a white box": _under_white,
    "in a layer that is off": _in_layer,
    "white on a dark bar": _on_bar,
}


def _picture(name: str, random: Random) -> Case:
    """Text in a picture of a few per cent of the page."""
    texts = [sentence(random, 4).rstrip(".") for _ in range(int(random.integers(1, 4)))]
    font = ImageFont.truetype(f"{random.choice(_FONTS)}.ttf", int(random.integers(18, 40)))
    width = round(max(font.getlength(text) for text in texts)) + 40
    is_dark = bool(random.random() < 0.3)
    paper, ink = ((30, 40, 90), (245, 245, 245)) if is_dark else ((255, 255, 255), (20, 20, 20))
    picture = Image.new("RGB", (width, round(1.5 * font.size * len(texts)) + 20), paper)
    for row, text in enumerate(texts):
        ImageDraw.Draw(picture).text((20, 10 + round(1.5 * font.size * row)), text, ink, font)
    file = io.BytesIO()
    picture.save(file, *(("JPEG",) if random.random() < 0.5 else ("PNG",)))
    pt = float(random.uniform(8, 14)) / font.size
    with pymupdf.open() as document:
        sheet, _ = _prose_page(document, random)
        left, top = float(random.uniform(60, 200)), float(random.uniform(470, 600))
        box = (left, top, left + pt * picture.width, top + pt * picture.height)
        sheet.insert_image(box, stream=file.getvalue(), keep_proportion=False)
        sheet.set_rotation(int(random.choice([0, 0, 0, 90])))
        rotation = sheet.rotation
        content = document.tobytes(garbage=3)
    said = " ".join(texts)
    name = f"{name}: {'light on dark' if is_dark else 'dark on light'}, {rotation}"
    return Case("6", name, content, words=said, turned_deg=-rotation % 360)


def _broken(name: str, random: Random) -> Case:
    """Content that cannot be interpreted, or only in part."""
    good = sample_documents.text_content([sentence(random, 9) for _ in range(30)])
    garbage = b" ".join(words(random, 1).encode() for _ in range(40))
    cut = int(random.integers(len(good) // 4, len(good) // 2))
    ways = {
        "words for operators": garbage,
        "no strings": good.replace(b"(", b"").replace(b")", b""),
        "cut off in a string": good[:cut],
        "bytes": random.integers(0, 256, 900, dtype=np.uint8).tobytes(),
        "half of it garbage": good[:cut] + b") Tj ET " + garbage,
    }
    way = str(random.choice(list(ways)))
    made = sample_documents.pdf([sample_documents.Page(ways[way])])
    return Case("7", f"{name}: {way}", made, status="must be said")


KINDS: Final[dict[str, Callable[[str, Random], Case]]] = {
    "numbers": _numbers,
    "labels": _labels,
    "hidden text": _hidden,
    "picture": _picture,
    "broken content": _broken,
}
"""What makes a page of each kind, by its name."""
