"""Made pages whose text comes out wrong easily, each with what it has to say, for `trust_cases`.

Nothing of a page is taken from a file but the fonts: those inside PyMuPDF, DejaVu and Noto, as
Debian installs them (`fonts-dejavu`, `fonts-noto-core`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pymupdf
from PIL import Image, ImageDraw, ImageFont

from benchmarks import trust_layouts
from benchmarks.orientation_pages import scanned
from pipeline.imaging.rotation import turn_pixels
from tests.support import sample_documents
from tests.support.script_texts import SENTENCES, script_page

LATIN_ENGINE: Final = "onnx"
"""Reads Latin and Chinese script."""
ALL_ENGINES: Final = (LATIN_ENGINE, "tesseract")

_LETTER_PX: Final = (1275, 1650)
"""A Letter page at 150 dpi."""
_ASKEW_DEG, _NOISE = 1.5, 12.0
_FONTS: Final = {
    "Cyrillic": "DejaVuSans.ttf",
    "Greek": "DejaVuSans.ttf",
    "Arabic": "DejaVuSans.ttf",
    "Devanagari": "NotoSansDevanagari-Regular.ttf",
}
_DIGITS: Final = b"zero/one/two/three/four/five/six/seven/eight/nine"


@dataclass(frozen=True, slots=True)
class Case:
    """A page and what is right about its row.

    Attributes:
        point: Of the list of faults that the page is an example of.
        name: Also the name of its file.
        content: The PDF.
        holds: Patterns that the text has, in this order, white space as one space.
        lacks: Patterns that it has not.
        words: Words of which a share is in the text.
        least: That share.
        rows: Rows of a table, of which nine in ten are in the text whole.
        lines: What lines of the text begin with.
        turned_deg: The turn that makes it upright.
        status: Of its row.
        engines: The engines that are tried.
        shows: Pattern of the piece of the text that tells.
    """

    point: str
    name: str
    content: bytes
    holds: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    words: str = ""
    least: float = 0.9
    rows: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    turned_deg: int = 0
    status: str = "ok"
    engines: tuple[str, ...] = (LATIN_ENGINE,)
    shows: str = r".{1,40}"


def cases() -> Iterator[Case]:
    """All pages."""
    yield from _scripts()
    yield from _fonts()
    yield from _orders()
    yield from _lying()
    yield from _hidden()
    yield from _characters()
    broken = sample_documents.pdf([sample_documents.Page(b"foo bar 1 2 3 xyzzy " * 9)])
    yield Case("7", "broken content stream", broken, status="failed")


def _scripts() -> Iterator[Case]:
    for script in _FONTS:
        page = _picture(_wrapped(SENTENCES[script], script, 900), script)
        words = SENTENCES[script]
        yield Case("1", f"{script} scan", pdf_of(page), words=words, engines=ALL_ENGINES)
    refused = script_page(SENTENCES["Cyrillic"], picture=True)
    yield Case("1", "Cyrillic layer in doubt", refused, words=SENTENCES["Cyrillic"])


def _fonts() -> Iterator[Case]:
    minus = sample_documents.font_pdf(b"(2) Tj /F1 11 Tf (15 per cent) Tj", b"50/minus", {50: "2"})
    yield Case(
        "2", "minus stored as 2", minus, (r"[-\u2212\u2013] ?15 per cent",), shows=_last("cent")
    )
    shown = b"/F1 11 Tf (about 12) Tj /F2 11 Tf (:) Tj /F1 11 Tf (5 tons) Tj"
    point = sample_documents.font_pdf(shown, b"58/period", {58: ":"})
    yield Case("2", "decimal point stored as colon", point, (r"12\. ?5 tons",), shows=_last("tons"))
    stored = {code: chr(code) for code in range(0x21, 0x2B)} | {32: " "}
    labels = sample_documents.font_pdf(b'(#!"\\$ #!"%) Tj', b"33/" + _DIGITS + b" 32/space", stored)
    yield Case("2", "chart labels as cipher", labels, (r"2013 2014",), shows=r".{1,22}$")


def _last(word: str) -> str:
    return rf"\S* ?\S* ?\S* {word}"


def _orders() -> Iterator[Case]:
    for kind, made in (
        ("layer", trust_layouts.columns()),
        ("scan", _as_scan(trust_layouts.columns())),
    ):
        holds = (r"cast iron and was laid", r"keeper wrote them down", r"Smith, J\. Harbours")
        shows = r"cast.{1,40}"
        yield Case("3", f"column of references, {kind}", made, holds, shows=shows)
    for kind, made in (
        ("layer", trust_layouts.charted()),
        ("scan", _as_scan(trust_layouts.charted())),
    ):
        holds = (r"made of cast iron", r"the sea was counted", r"ledger that is kept in the town")
        yield Case("3", f"chart beside a column, {kind}", made, holds, shows=r"made of.{1,40}")
    for kind, made in (
        ("layer", trust_layouts.stamped()),
        ("scan", _as_scan(trust_layouts.stamped())),
    ):
        title = r"The Ledgers of the Old Harbour and What They Tell"
        shows = r"The Ledgers.{1,60}"
        yield Case("3", f"stamp along the margin, {kind}", made, (title,), shows=shows)
    rows = tuple(f"{name} {amount}".replace(".", r"\.") for name, amount in trust_layouts.FEES)
    yield Case(
        "4",
        "table with faint rules, scan",
        _as_scan(trust_layouts.table()),
        rows,
        shows=r"Crane.{1,30}",
    )


def _lying() -> Iterator[Case]:
    texts = {"Latin": "\n".join(sample_documents.prose(30)), "Arabic": _long(SENTENCES["Arabic"])}
    for script, text in texts.items():
        lines = text.split("\n") if script == "Latin" else _wrapped(text, script, 1000)
        random = np.random.default_rng(16)
        upright = scanned(np.asarray(_picture(lines, script)), _ASKEW_DEG, _NOISE, random)
        for deg in (0, 90, 180, 270):
            page = Image.fromarray(turn_pixels(upright, deg))
            words = text if script == "Latin" else ""
            turn = (360 - deg) % 360
            # The CPU engine does not read Arabic: there it is the turn alone that is judged.
            told = "scan" if script == "Latin" else "scan, its turn alone"
            name = f"{script} {told}, {_ASKEW_DEG:g} degrees askew, turned by {deg}"
            yield Case("5", name, pdf_of(page), words=words, turned_deg=turn)


def _long(sentence: str) -> str:
    """A page of words: those of the sentence in changing order."""
    words = sentence.split()
    random = np.random.default_rng(5)
    return " ".join(" ".join(random.permutation(words)) for _ in range(12))


def _hidden() -> Iterator[Case]:
    stamp = _lines_picture(["Paid on the ninth of May", "by the harbour office"], 24)
    paid = _with_picture(stamp, (60, 560, 300, 610))
    holds = (r"the old harbour", r"ninth of May by the harbour office")
    yield Case("6", "text in a small picture", paid, holds, shows=r"(Paid.{1,45})")
    lying = _with_picture(stamp, (60, 560, 300, 610), deg=90)
    name = "text in a small picture, page on its side"
    yield Case("6", name, lying, holds, turned_deg=270, shows=r"(Paid.{1,45})")
    prose = sample_documents.text_content(sample_documents.prose(30))
    white = prose + b" 1 g BT /F1 8 Tf 60 60 Td (VerDate Sep<11>2014 Jkt 029139) Tj ET"
    hidden = prose + b" BT 3 Tr /F1 8 Tf 60 60 Td (invisible words here) Tj ET"
    for name, content, word in (("white", white, "VerDate"), ("invisible", hidden, "invisible")):
        page = sample_documents.pdf([sample_documents.Page(content)])
        yield Case("6", f"{name} text", page, (r"old harbour",), (word,), shows=r".{1,40}$")


def _characters() -> Iterator[Case]:
    random = np.random.default_rng(7)
    values = [f"{value:,.2f}" for value in random.uniform(1e3, 9e5, 60)]
    rows = ["    ".join(values[index : index + 4]) for index in range(0, 60, 4)]
    page = _lines_picture(rows, 13, is_page=True)
    name = "thousands commas, 6 point at 150 dpi"
    yield Case("7", name, pdf_of(page), words=" ".join(values), shows=r"\S+ \S+ \S+ \S+")
    lines = ["Flat #12, order #4077 and #9", "Mooring #3 by the old quay"]
    flats = _lines_picture(lines, 23, is_page=True)
    holds = (r"Flat #12", r"#4077", r"Mooring #3")
    yield Case("7", "number signs", pdf_of(flats), holds, ("\uff03",), shows=r"Flat.{1,25}")
    titles = ("Of the quay", "Of tolls and fees", "Of the night watch", "Of lost anchors")
    leaders = (". " * 30, "- " * 30, "_" * 40, "." * 60)
    entries = [
        f"{title} {leader} {9 * row + 3}"
        for row, (title, leader) in enumerate(zip(titles, leaders, strict=True))
    ]
    contents = sample_documents.pdf(
        [sample_documents.Page(sample_documents.text_content(entries + sample_documents.prose(12)))]
    )
    for kind, made in (("layer", contents), ("scan", _as_scan(contents))):
        shows = r"Of the quay.{1,99}"
        yield Case("7", f"lines of contents, {kind}", made, lines=titles, shows=shows)


def _wrapped(text: str, script: str, width_px: int) -> list[str]:
    """Lines of about the same width."""
    font, lines = _font(script, 24), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) > width_px:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _font(script: str, px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONTS.get(script, "DejaVuSans.ttf"), px)


def _picture(lines: Sequence[str], script: str) -> Image.Image:
    """A page of lines at 150 dpi; Arabic ones begin at the right."""
    page = Image.new("RGB", _LETTER_PX, "white")
    draw, font = ImageDraw.Draw(page), _font(script, 24 if script != "Latin" else 22)
    for row, line in enumerate(lines):
        width_px = font.getlength(line)
        left = 1165 - width_px if script == "Arabic" else 110
        draw.text((left, 120 + 44 * row), line, (20,) * 3, font)
    return page


def _lines_picture(lines: Sequence[str], px: int, *, is_page: bool = False) -> Image.Image:
    """Lines in a picture of their own size, or on a page of 150 dpi."""
    font, step = ImageFont.truetype("DejaVuSans.ttf", px), round(1.6 * px)
    width_px = round(max(font.getlength(line) for line in lines)) + 40
    size, left, top = (width_px, step * len(lines) + 20), 20, 10
    if is_page:
        size, left, top = _LETTER_PX, 110, 110
    page = Image.new("RGB", size, "white")
    for row, line in enumerate(lines):
        ImageDraw.Draw(page).text((left, top + step * row), line, (20,) * 3, font)
    return page


def pdf_of(page: Image.Image, dpi: float = 150) -> bytes:
    """A page that is nothing but a picture."""
    with pymupdf.open() as document:
        width_pt, height_pt = (side * 72 / dpi for side in page.size)
        sheet = document.new_page(width=width_pt, height=height_pt)
        sheet.insert_image(sheet.rect, stream=_png(page))
        made: bytes = document.tobytes(deflate=True)
    return made


def _as_scan(content: bytes) -> bytes:
    """The first page of a PDF as a picture at 150 dpi."""
    with pymupdf.open(stream=content, filetype="pdf") as document:
        return pdf_of(Image.open(io.BytesIO(document[0].get_pixmap(dpi=150).tobytes("png"))))


def _with_picture(picture: Image.Image, box: tuple[int, int, int, int], deg: int = 0) -> bytes:
    """A page of prose with a picture at its foot, displayed with a turn."""
    prose = sample_documents.text_content(sample_documents.prose(30))
    content = sample_documents.pdf([sample_documents.Page(prose)])
    with pymupdf.open(stream=content, filetype="pdf") as document:
        document[0].insert_image(box, stream=_png(picture))
        document[0].set_rotation(deg)
        made: bytes = document.tobytes()
    return made


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()
