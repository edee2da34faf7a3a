"""Page shapes of columns beside other things. Each function fills a sheet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.support.page_shapes import PITCH, SIZE_PX, Part, Sheet, Word

_STEP = SIZE_PX * PITCH
_LEFT, _RIGHT = 100.0, 1140.0


def narrow_gutter(sheet: Sheet, gutter_em: float, *, ragged: bool = False) -> None:
    """Two columns whose baselines are aligned exactly."""
    width = (_RIGHT - _LEFT - gutter_em * SIZE_PX) / 2
    for x in (_LEFT, _RIGHT - width):
        sheet.prose(x, 150, width, 48, ragged=ragged, indent=20)


def two_leadings(sheet: Sheet) -> None:
    """Columns of different leading and size."""
    sheet.prose(100, 120, 500, 48, indent=20)
    sheet.prose(640, 120, 500, 62, size=17)


def reference(
    sheet: Sheet,
    number: str,
    x: float,
    y: float,
    width: float,
    *,
    size: float,
    hanging: float,
    rows: int,
) -> Part:
    """An entry of a reference list: names with capitals, numbers, hardly a word in lower case."""
    lines: list[list[Word]] = []
    for i in range(rows):
        texts = [number] if not i and number else []
        start = x + (hanging if i else 0)
        room = (x + width - start) * (1.0 if i < rows - 1 else sheet.random.uniform(0.3, 0.9))
        while True:
            text = _piece_of_reference(sheet)
            if texts and size * (0.37 * len(" ".join([*texts, text]))) > room:
                break
            texts.append(text)
        line = sheet.line(" ".join(texts), start, y + i * PITCH * size, size=size)
        sheet.parts.pop()
        lines += line.lines
    return sheet.add(Part(lines))


def _piece_of_reference(sheet: Sheet) -> str:
    kind = sheet.random.random()
    if kind < 0.25:
        return f"{sheet.random.randint(1900, 2024)}:{sheet.amount()[-7:]},"
    if kind < 0.35:
        return f"{sheet.word()},"
    return f"{sheet.word(capital=True)}{sheet.random.choice(('.', ',', ''))}"


def reference_list(
    sheet: Sheet,
    x: float,
    y: float,
    width: float,
    bottom: float,
    *,
    size: float = SIZE_PX,
    hanging: float = 0.0,
    gap: float = 0.0,
    numbered: bool = False,
    max_rows: int = 4,
) -> None:
    """Entries of one to `max_rows` lines down to `bottom`."""
    for i in range(200):
        rows = sheet.random.randint(1, max_rows)
        if y + rows * PITCH * size > bottom:
            return
        number = f"[{i + 1}]" if numbered else ""
        reference(sheet, number, x, y, width, size=size, hanging=hanging, rows=rows)
        y += rows * PITCH * size + gap


def references_on_the_same_baselines(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 52, indent=20)
    reference_list(sheet, 640, 120, 500, 120 + 52 * _STEP, hanging=30)


def numbered_references_on_the_same_baselines(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 52, indent=20)
    reference_list(sheet, 640, 120, 500, 120 + 52 * _STEP, hanging=40, numbered=True)


def small_references_beside_text(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 52, indent=20)
    reference_list(sheet, 640, 126, 500, 1480, size=17, hanging=26, numbered=True)


def spaced_short_references(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 52, indent=20)
    reference_list(sheet, 640, 120, 500, 1490, hanging=30, gap=9, max_rows=2, numbered=True)


def text_then_references(sheet: Sheet) -> None:
    """The right column ends the text, and begins the references under a heading."""
    sheet.prose(100, 120, 500, 52)
    sheet.prose(640, 120, 500, 14)
    sheet.line("References", 640, 120 + 15.5 * _STEP, size=26)
    reference_list(sheet, 640, 120 + 18 * _STEP, 500, 120 + 52 * _STEP, hanging=30, numbered=True)


def short_references_on_the_same_baselines(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 52, indent=20)
    bottom = 120 + 52 * _STEP
    reference_list(sheet, 640, 120, 500, bottom, hanging=30, max_rows=2, numbered=True)


def references_in_two_columns(sheet: Sheet) -> None:
    for x in (100.0, 640.0):
        reference_list(sheet, x, 120, 500, 1490, hanging=40, numbered=x < 600)


def narrow_references_beside_text(sheet: Sheet) -> None:
    """A reference column of a third of the page beside the text."""
    sheet.prose(100, 120, 680, 52, indent=20)
    reference_list(sheet, 815, 120, 325, 120 + 52 * _STEP, size=18, hanging=22, max_rows=5)


def references_on_the_left(sheet: Sheet) -> None:
    reference_list(sheet, 100, 120, 300, 120 + 52 * _STEP, hanging=22, max_rows=3)
    sheet.prose(430, 120, 710, 52, indent=20)


def figure_across_columns(sheet: Sheet) -> None:
    """A figure with labels and its caption across the middle of two columns."""
    sheet.prose(100, 120, 500, 16)
    sheet.prose(640, 120, 500, 16)
    y = 120 + 17 * _STEP
    places = [(180 + 210.0 * (i % 5), y + 30 + 67.0 * (i // 5), sheet.word()) for i in range(15)]
    sheet.labels(places)
    sheet.prose(100, y + 260, 1040, 2, size=19)
    for x in (100.0, 640.0):
        sheet.prose(x, y + 340, 500, 18)


def table_across_the_middle(sheet: Sheet) -> None:
    for x in (100.0, 640.0):
        sheet.prose(x, 120, 500, 14)
    y = 120 + 15.2 * _STEP
    sheet.prose(100, y, 1040, 2, size=19)
    cells = [[" ".join(sheet.words(2)), *(sheet.amount() for _ in range(5))] for _ in range(8)]
    sheet.table((140, 480, 640, 800, 960, 1110), y + 70, cells, rights=(1, 2, 3, 4, 5), size=19)
    y += 70 + 9 * 1.4 * 19
    for x in (100.0, 640.0):
        sheet.prose(x, y, 500, 20)


def three_columns_with_a_narrow_one(sheet: Sheet) -> None:
    sheet.prose(100, 120, 420, 50, indent=18)
    sheet.prose(550, 120, 370, 50, indent=18)
    sheet.prose(950, 120, 190, 50, ragged=True)


def narrow_column_first(sheet: Sheet) -> None:
    sheet.prose(100, 120, 190, 50, ragged=True)
    sheet.prose(320, 120, 400, 50, indent=18)
    sheet.prose(750, 120, 390, 50, indent=18)


def uneven_three_columns(sheet: Sheet) -> None:
    for x, rows in ((100, 40), (460, 31), (820, 12)):
        sheet.prose(x, 120, 320, rows, indent=18)


def uneven_under_a_head(sheet: Sheet) -> None:
    sheet.line(6, 300, 60, size=34)
    sheet.prose(100, 130, 500, 24)
    sheet.prose(640, 130, 500, 21, last=0.9)


def footnote_under_one_column(sheet: Sheet) -> None:
    sheet.prose(100, 130, 500, 50)
    sheet.prose(640, 130, 500, 43)
    note = sheet.prose(640, 130 + 45 * _STEP, 500, 5, size=16, last=0.8)
    note.lines[0] = [*sheet.line("1", 630, 130 + 45 * _STEP - 3, size=10).lines[0], *note.lines[0]]
    sheet.parts.pop()


def line_numbers(sheet: Sheet) -> None:
    """Numbers of every fifth line on the left of one column."""
    numbers = [(40.0, 150 + (i * 5 + 4) * _STEP, f"{i * 5 + 5}") for i in range(9)]
    sheet.labels(numbers, size=15)
    sheet.prose(100, 150, 1000, 48)


def every_line_numbered(sheet: Sheet) -> None:
    """Numbers of all lines on the left of two columns, as in manuscripts for review."""
    for x in (100.0, 660.0):
        sheet.prose(x, 150, 480, 46, indent=16)
    numbers = [(40.0, 152 + i * _STEP, f"{i + 1}") for i in range(46)]
    sheet.labels(numbers, size=14)


def picture_between_columns(sheet: Sheet) -> None:
    """Text of both columns runs around a picture in the middle."""
    sheet.prose(100, 120, 500, 14)
    sheet.prose(100, 120 + 14 * _STEP, 330, 14)
    sheet.prose(100, 120 + 28 * _STEP, 500, 20)
    sheet.prose(640, 120, 500, 14)
    sheet.prose(810, 120 + 14 * _STEP, 330, 14)
    sheet.prose(640, 120 + 28 * _STEP, 500, 20)


def picture_at_the_side(sheet: Sheet) -> None:
    """A picture with a caption at the outer side of the left column; text runs around it."""
    sheet.prose(100, 120, 500, 12)
    sheet.prose(350, 120 + 12 * _STEP, 250, 12, ragged=True)
    sheet.prose(100, 120 + 24 * _STEP, 500, 24)
    sheet.prose(640, 120, 500, 48)
    sheet.prose(100, 120 + 21.3 * _STEP, 220, 2, size=15, is_free=True)


def chart_inside_a_column(sheet: Sheet) -> None:
    """A chart with labels of its axes in the middle of the right column."""
    sheet.prose(100, 120, 500, 52)
    sheet.prose(640, 120, 500, 14)
    y = 120 + 15 * _STEP
    places = [(645.0, y + 37.0 * i, f"{9 - i}.{sheet.amount()[-2:]}{i}") for i in range(8)]
    places += [(710 + 95.0 * i, y + 8 * 37, f"{1990 + i}y{i}") for i in range(5)]
    places += [(800, y + 33, f"{sheet.word()} {sheet.word()}"), (980, y + 96, sheet.word())]
    sheet.labels(places)
    sheet.prose(640, y + 345, 500, 2, size=18)
    sheet.prose(640, y + 345 + 3.2 * _STEP, 500, 20)


def captions_beside_table_rows(sheet: Sheet) -> None:
    """Notes in the margin of a table, on the baselines of its rows."""
    sheet.prose(400, 120, 740, 6)
    y = 120 + 8 * _STEP
    for row in (0, 7):
        top = y + row * 1.4 * SIZE_PX
        sheet.prose(80, top, 270, 4, size=17, pitch=1.4 * SIZE_PX / 17, ragged=True, is_free=True)
    cells = [[" ".join(sheet.words(2)), *(sheet.amount() for _ in range(3))] for _ in range(14)]
    sheet.table((400, 760, 940, 1120), y, cells, rights=(1, 2, 3))
    sheet.prose(400, y + 15 * 1.4 * SIZE_PX, 740, 18)


_FILLS = (
    two_leadings,
    references_on_the_same_baselines,
    numbered_references_on_the_same_baselines,
    small_references_beside_text,
    spaced_short_references,
    text_then_references,
    short_references_on_the_same_baselines,
    references_in_two_columns,
    narrow_references_beside_text,
    references_on_the_left,
    figure_across_columns,
    table_across_the_middle,
    three_columns_with_a_narrow_one,
    narrow_column_first,
    uneven_three_columns,
    uneven_under_a_head,
    footnote_under_one_column,
    line_numbers,
    every_line_numbered,
    picture_between_columns,
    picture_at_the_side,
    chart_inside_a_column,
    captions_beside_table_rows,
)
COLUMN_SHAPES: dict[str, Callable[[Sheet], None]] = {
    f"2 {kind} columns, gutter of {em} em": partial(narrow_gutter, gutter_em=em, ragged=is_ragged)
    for em in (0.75, 1.0, 1.5)
    for kind, is_ragged in (("justified", False), ("ragged", True))
}
COLUMN_SHAPES |= {fill.__name__.replace("_", " "): fill for fill in _FILLS}
