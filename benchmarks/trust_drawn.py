"""Pages drawn at random whose text comes out wrong easily, for `trust_cases --drawn`.

Words, fonts, sizes, resolutions and faults are drawn anew for each seed, so that what holds on one
seed can be tried on another. Nothing of a page is taken from a file but the fonts: those inside
PyMuPDF, DejaVu, Liberation and Noto, as Debian installs them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import pymupdf
from PIL import Image, ImageDraw, ImageFont

from benchmarks import trust_drawn_layers as layers
from benchmarks.orientation_pages import scanned
from benchmarks.trust_drawn_words import OTHER_SCRIPTS, lines_of, sentence, words
from benchmarks.trust_pages import Case, pdf_of

Random = np.random.Generator

_TEXT_FONTS: Final = (
    *("DejaVuSans", "DejaVuSerif", "LiberationSans-Regular", "LiberationSerif-Regular"),
    *("NotoSerif-Regular", "NotoSans-Regular", "LiberationSerif-Italic", "LiberationMono-Regular"),
)
_INK: Final = (25, 25, 25)


def cases(count: int, seed: int) -> Iterator[Case]:
    """So many pages of each kind.

    Args:
        count: Pages of a kind.
        seed: What they are drawn from.
    """
    for number, (kind, make) in enumerate(KINDS.items()):
        for index in range(count):
            yield make(f"{kind} {index}", np.random.default_rng([seed, number, index]))


def _font(name: str, px: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(f"{name}.ttf", round(px))


def _sheet(dpi: float) -> Image.Image:
    return Image.new("RGB", (round(8.5 * dpi), round(11 * dpi)), "white")


def _written(
    page: Image.Image, lines: list[str], font: ImageFont.FreeTypeFont, *, is_right: bool = False
) -> int:
    """Lines below each other; the place below the last one, pixels."""
    draw, left, top = ImageDraw.Draw(page), page.width // 10, page.height // 10
    for line in lines:
        at = page.width - left - font.getlength(line) if is_right else left
        draw.text((at, top), line, _INK, font)
        top += round(1.6 * font.size)
    return top


def _faxed(page: Image.Image, random: Random) -> Image.Image:
    """The page as a scanner sees it, or as it is."""
    if random.random() < 0.4:
        return page
    deg, noise = float(random.uniform(-1, 1)), float(random.uniform(2, 14))
    return Image.fromarray(scanned(np.asarray(page), deg, noise, random))


def _foreign(name: str, random: Random) -> Case:
    """A scan in a script that the CPU engine does not read, alone or with English around it."""
    script = str(random.choice(list(OTHER_SCRIPTS)))
    fonts, pool = OTHER_SCRIPTS[script]
    dpi = float(random.choice([150, 200]))
    font = _font(str(random.choice(fonts)), random.uniform(9, 14) * dpi / 72)
    shown = [str(word) for word in random.permutation(3 * pool.split())]
    page = _sheet(dpi)
    lines = lines_of(shown, font.getlength, 0.78 * page.width)
    top = _written(page, lines, font, is_right=script in ("Arabic", "Hebrew"))
    if random.random() < 0.4:  # half of the page is English
        english = _font("DejaVuSans", 11 * dpi / 72)
        draw = ImageDraw.Draw(page)
        for row in range(len(lines)):
            at = (page.width // 10, top + 40 + round(1.6 * english.size * row))
            draw.text(at, sentence(random, 8), _INK, english)
        name = f"{name}, and English"
    return Case("1", f"{name}: {script}", pdf_of(_faxed(page, random), dpi), words=" ".join(shown))


def _foreign_line(name: str, random: Random) -> Case:
    """A scan in English of which a single line is in a script that the CPU engine does not read."""
    script = str(random.choice(list(OTHER_SCRIPTS)))
    fonts, pool = OTHER_SCRIPTS[script]
    dpi = float(random.choice([150, 200]))
    font = _font(str(random.choice(_TEXT_FONTS)), random.uniform(9, 13) * dpi / 72)
    foreign = _font(str(random.choice(fonts)), font.size * random.uniform(0.95, 1.3))
    page = _sheet(dpi)
    draw, left, step = ImageDraw.Draw(page), page.width // 10, round(1.6 * font.size)
    top, rows = page.height // 10, int(random.integers(12, 28))
    strange, shown = int(random.integers(1, rows - 1)), pool.split()
    lines = [sentence(random, 8) for _ in range(rows)]
    width = float(random.uniform(0.35, 0.78)) * page.width
    lines[strange] = lines_of(shown, foreign.getlength, width)[0]
    is_apart = bool(random.random() < 0.5)
    for row, line in enumerate(lines):
        if is_apart and row in (strange, strange + 1):
            top += step // 2
        draw.text((left, top), line, _INK, foreign if row == strange else font)
        top += step
    words = " ".join(lines)
    return Case("1", f"{name}: {script}", pdf_of(_faxed(page, random), dpi), words=words, least=1.0)


def _table(name: str, random: Random) -> Case:
    """Descriptions and amounts far apart, with rules that are hardly seen."""
    dpi = float(random.choice([150, 200]))
    page = _sheet(dpi)
    draw = ImageDraw.Draw(page)
    font = _font(str(random.choice(_TEXT_FONTS[:6])), random.uniform(8, 11) * dpi / 72)
    grey = (int(random.integers(180, 240)),) * 3
    left, right = 0.1 * page.width, 0.9 * page.width
    columns = int(random.integers(1, 4))
    step = font.size * random.uniform(1.5, 2.2)
    rows, top = [], 0.12 * page.height
    for _ in range(int(random.integers(8, 20))):
        title = words(random, int(random.integers(1, 7))).capitalize()
        amounts = [f"{value:,.2f}" for value in random.uniform(1, 9999, columns)]
        draw.text((left + 6, top), title, _INK, font)
        for column, amount in enumerate(reversed(amounts)):
            at = right - 6 - column * 0.13 * page.width - font.getlength(amount)
            draw.text((at, top), amount, _INK, font)
        draw.line((left, top + 1.3 * font.size, right, top + 1.3 * font.size), grey, 1)
        rows.append(" ".join([title, *amounts]))
        top += step
    if random.random() < 0.5:
        for x in (left, right - columns * 0.135 * page.width, right):
            draw.line((x, 0.115 * page.height, x, top - 0.3 * step), grey, 1)
    content = pdf_of(_faxed(page, random), dpi)
    return Case("4", name, content, rows=tuple(rows))


def _amounts(name: str, random: Random) -> Case:
    """Thousands at 150 dpi, in small type."""
    page = _sheet(150)
    font = _font(str(random.choice(_TEXT_FONTS[:6])), random.uniform(6, 9) * 150 / 72)
    values = [f"{value:,.2f}" for value in random.uniform(1e3, 9e6, 48)]
    _written(page, ["    ".join(values[i : i + 4]) for i in range(0, 48, 4)], font)
    return Case("7", name, pdf_of(page), words=" ".join(values), least=1.0)


def _number_signs(name: str, random: Random) -> Case:
    page = _sheet(150)
    font = _font(str(random.choice(_TEXT_FONTS)), random.uniform(8, 12) * 150 / 72)
    numbers = [f"#{number}" for number in random.integers(1, 9999, 12)]
    lines = [f"{sentence(random, 3)} {number} {sentence(random, 2)}" for number in numbers]
    _written(page, lines, font)
    return Case("7", name, pdf_of(page), tuple(numbers), ("\uff03",))


def _contents(name: str, random: Random) -> Case:
    """Lines of contents, from a layer or a scan."""
    leader = str(random.choice([" .", ".", " . .", "\u2026"]))
    titles = tuple(
        dict.fromkeys(words(random, int(random.integers(1, 5))).capitalize() for _ in range(12))
    )
    with pymupdf.open() as document:
        sheet = document.new_page()
        for row, title in enumerate(titles):
            dots = leader * int(
                (380 - 6 * len(title)) / pymupdf.get_text_length(leader, fontsize=11)
            )
            sheet.insert_text((72, 90 + 16 * row), f"{title} {dots}", fontsize=11)
            sheet.insert_text((500, 90 + 16 * row), str(7 * row + 3), fontsize=11)
        for row in range(10):
            sheet.insert_text((72, 320 + 14 * row), sentence(random, 10), fontsize=11)
        if random.random() < 0.5:
            return Case("7", f"{name}, layer", document.tobytes(), lines=titles)
        scan = Image.open(io.BytesIO(sheet.get_pixmap(dpi=150).tobytes("png")))
        return Case("7", f"{name}, scan", pdf_of(scan), lines=titles)


def _sideways(name: str, random: Random) -> Case:
    page = _sheet(150)
    font = _font(str(random.choice(_TEXT_FONTS)), random.uniform(9, 13) * 150 / 72)
    lines = [sentence(random, 9) for _ in range(24)]
    _written(page, lines, font)
    deg, noise = float(random.uniform(-2.5, 2.5)), float(random.uniform(4, 20))
    pixels = scanned(np.asarray(page), deg, noise, random)
    turns = int(random.integers(4))
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(pixels, turns)))
    text = " ".join(lines)
    name = f"{name}, turned by {90 * turns}"
    return Case("5", name, pdf_of(lying), words=text, turned_deg=90 * turns)


KINDS: Final[dict[str, Callable[[str, Random], Case]]] = {
    "script": _foreign,
    **layers.KINDS,
    "faint table": _table,
    "sideways": _sideways,
    "amounts": _amounts,
    "number signs": _number_signs,
    "contents": _contents,
    "single line": _foreign_line,
}
"""What makes a page of each kind, by its name."""
