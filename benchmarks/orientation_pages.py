"""Made pages of known orientation: layouts, scripts, skew, scanner noise, stamps.

Nothing of a page is taken from a file: the words are written here, the fonts are DejaVu's, as
matplotlib brings them, and the one inside PyMuPDF. A page is set by its seed alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.types import Pixels

_SIZES_PX: Final = ((1240, 1754), (1275, 1650), (1754, 1240), (1654, 2339))
_MARGIN_PX: Final = 110
_INK: Final = 30

WORDS: Final = {
    "latin": "the harbour keeper wrote each vessel into a ledger before noon and his daughter "
    "copied figures of cargo, tar and timber for Bristol. Nobody questioned why quantities grew; "
    "Payment by June 17, about 2,450 crowns, fell due yearly.",
    "french": "Le gérant du dépôt a reçu quatre caisses d'étoffes le vendredi matin ; après "
    "l'inventaire, vingt-sept pièces manquaient à l'appel. Où étaient-elles passées, "
    "demanda-t-il.",
    "german": "Der Lagerverwalter prüfte am frühen Morgen sämtliche Behälter und übergab den "
    "Schlüssel für das Büro. Größere Mängel hat er dabei nicht festgestellt, Gewicht 3,75 Tonnen.",
    "caps": "NOTICE OF MEETING TO ALL MEMBERS THE BOARD WILL CONSIDER REPORTS FROM THE TREASURER "
    "AND ELECT NEW OFFICERS ON MONDAY 14 OCTOBER AT EIGHT IN TOWN HALL",
    "cyrillic": "Заведующий складом утром проверил все ящики и передал ключ дежурному. Недостачи "
    "он не обнаружил, однако в журнале записано двадцать семь единиц товара вместо тридцати.",
    "greek": "διευθυντής της αποθήκης έλεγξε το πρωί όλα τα κιβώτια και παρέδωσε το κλειδί στον "
    "φύλακα. Δεν βρέθηκε έλλειμμα, όμως στο βιβλίο γράφτηκαν είκοσι επτά τεμάχια.",
    "arabic": "فحص أمين المخزن جميع الصناديق في الصباح وسلم المفتاح إلى الحارس ولم يجد نقصا في "
    "البضاعة لكنه كتب في السجل سبعا وعشرين قطعة بدلا من ثلاثين",
    "chinese": "仓库管理员 早上检查了 所有箱子 然后把钥匙 交给值班人员。 他没有发现短缺 "
    "但登记簿上 只写了二十七件 货物而不是三十件。 请在星期五之前 核对清单 并通知会计部门。",
    "japanese": "倉庫の管理人は 朝のうちに すべての箱を点検し、 鍵を当番の人に 渡しました。 "
    "不足は見つからなかったが、 帳簿には 二十七個と 記録されていた。",
}
"""Words of a script or language, in the order of a sentence."""

_FACES: Final = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "DejaVuSerif-Italic")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page as it should lie.

    Attributes:
        name: Layout, script and what the scanner did.
        pixels: RGB, uint8, shape (height, width, 3).
    """

    name: str
    pixels: Pixels


def sheets(count: int, seed: int) -> Iterator[Sheet]:
    """Make pages, upright: every layout and script comes up, scans and clean pages alike."""
    for index in range(count):
        random = np.random.default_rng([seed, index])
        layout = list(LAYOUTS)[index % len(LAYOUTS)]
        # Half of the pages are English, as in most stacks; the others share the scripts.
        script = "latin" if random.random() < 0.4 else str(random.choice(list(WORDS)))
        page = _printed(layout, script, random)
        is_stamped, is_scan = bool(random.random() < 0.25), bool(random.random() < 0.75)
        if is_stamped:
            _stamp(page, random)
        deg = float(random.uniform(-3, 3)) if is_scan else 0.0
        sigma = float(random.uniform(4, 25)) if is_scan else 0.0
        pixels = scanned(np.asarray(page), deg, sigma, random)
        marks = f"{deg:+.1f} deg, noise {sigma:.0f}" + (", stamp" if is_stamped else "")
        yield Sheet(f"{index}: {layout}, {script}, {marks}", pixels)


def scanned(pixels: Pixels, deg: float, sigma: float, random: np.random.Generator) -> Pixels:
    """The page as a careless scanner sees it: askew, noisy, on greyish paper."""
    if not deg and not sigma:
        return pixels
    white = (255, 255, 255)
    askew = Image.fromarray(pixels).rotate(deg, Image.Resampling.BICUBIC, fillcolor=white)
    noise = random.normal(0, sigma, pixels.shape[:2])[:, :, None]
    levels = 235 / 255 * np.asarray(askew) + noise
    return np.ascontiguousarray(np.clip(levels, 0, 255).astype(np.uint8))


def _printed(layout: str, script: str, random: np.random.Generator) -> Image.Image:
    size = _SIZES_PX[int(random.integers(len(_SIZES_PX)))]
    page = Image.new("RGB", size, "white")
    LAYOUTS[layout](Printer(page, script, random))
    return page


@cache
def _font(face: str, px: int) -> ImageFont.FreeTypeFont:
    if face == "cjk":
        import pymupdf

        return ImageFont.truetype(io.BytesIO(pymupdf.Font("cjk").buffer), px)
    import matplotlib as mpl

    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", f"{face}.ttf")), px)


class Printer:
    """Prints words of one script on a page."""

    def __init__(self, page: Image.Image, script: str, random: np.random.Generator) -> None:
        self.random = random
        self.width_px, self.height_px = page.size
        self._draw = ImageDraw.Draw(page)
        self._script = script
        self._words = WORDS[script].split()
        self._px = int(random.integers(18, 32))
        self._face = str(random.choice(_FACES))
        if script == "arabic":
            self._face = "DejaVuSans"
        if script in ("chinese", "japanese"):
            self._face = "cjk"

    def words(self, count: int) -> str:
        """Words in a random order: no two lines are alike."""
        between = "" if self._face == "cjk" else " "
        return between.join(self.random.choice(self._words, count))

    def line(self, left: float, top: float, text: str, scale: float = 1) -> float:
        """Print a line; returns the top of the next one."""
        font = _font(self._face, round(self._px * scale))
        if self._script == "arabic":  # lines begin at the right
            left = self.width_px - left - font.getlength(text)
        self._draw.text((left, top), text, (_INK,) * 3, font)
        return top + 1.45 * self._px * scale

    def fitting(self, width_px: float) -> str:
        """As many words as fit into a width."""
        font, text = _font(self._face, self._px), self.words(1)
        while True:
            longer = text + ("" if self._face == "cjk" else " ") + self.words(1)
            if font.getlength(longer) > width_px:
                return text
            text = longer

    def column(self, left: float, top: float, width_px: float, bottom: float) -> None:
        """Paragraphs from a top to a bottom."""
        while top < bottom:
            for _ in range(int(self.random.integers(3, 9))):
                if top >= bottom:
                    return
                top = self.line(left, top, self.fitting(width_px))
            self.line(left, top, self.fitting(width_px * self.random.uniform(0.2, 0.8)))
            top += 2.2 * self._px

    def rule(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A thin rule."""
        self._draw.line((x0, y0, x1, y1), (_INK,) * 3, 2)

    def picture(self, left: int, top: int, right: int, bottom: int) -> None:
        """Bars, as of a chart."""
        self._draw.rectangle((left, top, right, bottom), outline=(_INK,) * 3)
        for x in range(left + 20, right - 30, 50):
            bar = int(self.random.integers(20, bottom - top - 10))
            self._draw.rectangle((x, bottom - bar, x + 30, bottom), (120, 120, 160))


def _prose(printer: Printer) -> None:
    printer.column(
        _MARGIN_PX, _MARGIN_PX, printer.width_px - 2 * _MARGIN_PX, printer.height_px - _MARGIN_PX
    )


def _columns(printer: Printer) -> None:
    width_px = (printer.width_px - 3 * _MARGIN_PX) / 2
    printer.line(_MARGIN_PX, _MARGIN_PX, printer.words(4), 1.8)
    for left in (_MARGIN_PX, 2 * _MARGIN_PX + width_px):
        printer.column(left, 2 * _MARGIN_PX, width_px, printer.height_px - _MARGIN_PX)


def _letter(printer: Printer) -> None:
    top: float = _MARGIN_PX
    for _ in range(4):
        top = printer.line(printer.width_px * 0.6, top, printer.words(2))
    printer.column(_MARGIN_PX, top + 80, printer.width_px - 2 * _MARGIN_PX, printer.height_px * 0.5)


def _few_lines(printer: Printer) -> None:
    top = printer.height_px * printer.random.uniform(0.1, 0.6)
    for _ in range(int(printer.random.integers(5, 8))):
        top = printer.line(_MARGIN_PX, top, printer.words(int(printer.random.integers(3, 7))))


def _table(printer: Printer) -> None:
    columns = int(printer.random.integers(3, 6))
    step_px = (printer.width_px - 2 * _MARGIN_PX) / columns
    top, is_ruled = float(_MARGIN_PX), bool(printer.random.random() < 0.5)
    while top < printer.height_px - _MARGIN_PX:
        for column in range(columns):
            value = f"{printer.random.integers(10, 99999):,}.{printer.random.integers(10, 99)}"
            text = printer.words(1) if column == 0 else value
            printer.line(_MARGIN_PX + column * step_px + 6, top, text)
        top = printer.line(0, top, "") + 8
        if is_ruled:
            printer.rule(_MARGIN_PX, top - 5, printer.width_px - _MARGIN_PX, top - 5)
    for column in range(columns + 1 if is_ruled else 0):
        x = _MARGIN_PX + column * step_px
        printer.rule(x, _MARGIN_PX - 5, x, top - 5)


def _chart(printer: Printer) -> None:
    middle = int(printer.height_px * 0.5)
    printer.column(_MARGIN_PX, _MARGIN_PX, printer.width_px - 2 * _MARGIN_PX, middle - 60)
    printer.picture(
        _MARGIN_PX, middle, printer.width_px - _MARGIN_PX, printer.height_px - 2 * _MARGIN_PX
    )
    printer.line(_MARGIN_PX, printer.height_px - 1.8 * _MARGIN_PX, printer.words(6), 0.8)


def _items(printer: Printer) -> None:
    top, number = float(_MARGIN_PX), 1
    while top < printer.height_px - _MARGIN_PX:
        words = printer.words(int(printer.random.integers(2, 6)))
        top = printer.line(_MARGIN_PX, top, f"{number}. {words}") + printer.random.uniform(0, 20)
        number += 1


def _slide(printer: Printer) -> None:
    top = printer.line(_MARGIN_PX, _MARGIN_PX, printer.words(3), 2.2) + 60
    for _ in range(6):
        top = printer.line(1.5 * _MARGIN_PX, top, f"- {printer.words(3)}", 1.4) + 25


LAYOUTS: Final[dict[str, Callable[[Printer], None]]] = {
    "prose": _prose,
    "columns": _columns,
    "letter": _letter,
    "few lines": _few_lines,
    "table": _table,
    "chart": _chart,
    "list": _items,
    "slide": _slide,
}


def _stamp(page: Image.Image, random: np.random.Generator) -> None:
    """A stamp somewhere, at any angle: its text does not lie as the page's."""
    font = _font("DejaVuSans-Bold", 40)
    stamp = Image.new("L", (420, 160), 0)
    draw = ImageDraw.Draw(stamp)
    draw.rounded_rectangle((4, 4, 415, 155), 20, outline=255, width=6)
    draw.text((40, 30), "RECEIVED", 255, font)
    draw.text((40, 90), f"{random.integers(10, 29)} MAY 2019", 255, font)
    turned = stamp.rotate(float(random.uniform(0, 360)), Image.Resampling.BICUBIC, expand=True)
    at = [int(random.integers(0, max(1, side - 420))) for side in page.size]
    page.paste((150, 20, 40), (at[0], at[1]), turned)
