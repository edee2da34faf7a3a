"""Page shapes with tables, lists, forms and items. Each function fills a sheet."""

from __future__ import annotations

from dataclasses import replace

from tests.support.page_shapes import SIZE_PX, Sheet

_STEP = SIZE_PX * 1.2


def amounts(sheet: Sheet, *, pitch: float, rows: int = 14, wordy: int = 3) -> None:
    sheet.line(4, 100, 90, size=30)
    cells = [[" ".join(sheet.words(1 + (i * 7) % wordy)), sheet.amount()] for i in range(rows)]
    sheet.table((100, 1140), 160, cells, rights=(1,), pitch=pitch)
    sheet.prose(100, 180 + rows * pitch * SIZE_PX, 1040, 10)


def faint_table(sheet: Sheet, *, pitch: float) -> None:
    cells = [
        [f"{i + 1:02d}/03", " ".join(sheet.words(4 + i % 3)), sheet.amount(), sheet.amount()]
        for i in range(18)
    ]
    for i, row in enumerate(cells):
        row[0] = f"{row[0]}/{i + 70}x"
        row[2 if i % 3 else 3] = "" if i % 2 else row[2 if i % 3 else 3]
    sheet.prose(100, 90, 1040, 5)
    sheet.table((100, 260, 900, 1140), 260, cells, rights=(2, 3), pitch=pitch)


def wordy_table(sheet: Sheet) -> None:
    cells = [[" ".join(sheet.words(3)), " ".join(sheet.words(4))] for _ in range(12)]
    sheet.table((100, 560), 160, cells)


def wrapped_cells(sheet: Sheet) -> None:
    """Each row has a wrapped description; its amount stands beside the first line."""
    y = 150.0
    for _ in range(9):
        row = sheet.prose(100, y, 600, 2, ragged=True, last=0.6)
        row.lines[0] += sheet.line(sheet.amount(), 900, y).lines[0]
        row.lines[0] += sheet.line(sheet.amount(), 1060, y).lines[0]
        del sheet.parts[-2:]
        y += 2 * _STEP + 16


def contents(sheet: Sheet) -> None:
    sheet.line(1, 100, 90, size=34)
    for i in range(22):
        title = " ".join(sheet.words(2 + i * 5 % 4))
        dots = "." * max(4, int((900 - 10 * len(title)) / 10))
        page = f"{i * 3 + 1}p{i}"
        line = sheet.line(f"{title} {dots} {page}", 100, 160 + i * 1.25 * SIZE_PX)
        line.lines[0][-1] = replace(line.lines[0][-1], x0=1110, x1=1140)


def contents_without_leaders(sheet: Sheet) -> None:
    cells = [[" ".join(sheet.words(2 + i * 5 % 5)), f"{i * 3 + 1}p{i}"] for i in range(22)]
    sheet.table((100, 1140), 160, cells, rights=(1,), pitch=1.2)


def form(sheet: Sheet) -> None:
    cells = [
        [f"{' '.join(sheet.words(1 + i % 2))}:", " ".join(sheet.words(1 + i % 3))] for i in range(8)
    ]
    sheet.table((100, 420), 150, cells, pitch=1.5)


def form_in_two_columns(sheet: Sheet) -> None:
    cells = []
    for i in range(7):
        left = [f"{sheet.word(capital=True)}:", " ".join(sheet.words(1 + i % 2))]
        cells.append([*left, f"{sheet.word(capital=True)}:", sheet.amount()])
    sheet.table((100, 330, 660, 900), 150, cells, pitch=1.7)


def table_across_columns(sheet: Sheet) -> None:
    sheet.prose(100, 110, 500, 14)
    sheet.prose(640, 110, 500, 14)
    y = 110 + 15 * _STEP
    sheet.line(9, 160, y, size=20)
    cells = [[sheet.word(), *(sheet.amount() for _ in range(4))] for _ in range(9)]
    sheet.table((140, 500, 700, 900, 1100), y + 40, cells, rights=(1, 2, 3, 4))
    y += 40 + 10 * 1.4 * SIZE_PX
    sheet.prose(100, y, 500, 20)
    sheet.prose(640, y, 500, 20)


def table_in_a_column(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 50)
    sheet.prose(640, 120, 500, 12)
    y = 120 + 13 * _STEP
    cells = [[sheet.word(), *(sheet.amount() for _ in range(2))] for _ in range(8)]
    sheet.table((650, 950, 1120), y, cells, rights=(1, 2), size=20)
    sheet.prose(640, y + 9 * 28, 500, 27)


def bullets_beside_text(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 48)
    y = 120.0
    for _ in range(14):
        item = sheet.prose(670, y, 470, 2, ragged=True, last=0.6)
        item.lines[0] = [*sheet.line("•", 640, y).lines[0], *item.lines[0]]
        sheet.parts.pop()
        y += 2 * _STEP + 14


def numbered_equations(sheet: Sheet) -> None:
    y = 150.0
    for i in range(5):
        y = sheet.prose(100, y, 1040, 5).bottom + 20
        sheet.line(f"{sheet.word()} = {sheet.word()}", 480, y)
        sheet.parts[-1].lines[0] += sheet.line(f"({i + 1})", 1100, y).lines[0]
        sheet.parts.pop()
        y += 50


def numbered_items(sheet: Sheet) -> None:
    y = 150.0
    for i in range(9):
        item = sheet.prose(180, y, 900, 3, ragged=True)
        item.lines[0] = [*sheet.line(f"{i + 1}.", 110, y).lines[0], *item.lines[0]]
        sheet.parts.pop()
        y += 3 * _STEP + 16


def addresses(sheet: Sheet) -> None:
    for x in (100, 700):
        for i in range(4):
            sheet.line(2 + i % 2, x, 120 + i * _STEP)
    sheet.prose(100, 320, 1040, 20)
