"""The blocks of a page with structure, in reading order. Pure and total."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from pipeline.text import layout
from pipeline.text.layout.direction import is_right_to_left, mirrored
from pipeline.text.layout.reading_order import ordered_paragraphs
from pipeline.text.layout.vertical import vertical_lines
from pipeline.text.structure import aligned_tables, floats, regions
from pipeline.text.structure.candidates import candidates, ruled
from pipeline.text.structure.markdown import Kind, block_of
from pipeline.text.structure.paragraph_kinds import Named, Paragraph, named
from pipeline.text.structure.places import sort_top_down
from pipeline.text.structure.regions import Float
from pipeline.text.structure.signs import LineSigns, PageSigns
from pipeline.text.structure.table_block import Table, table_block
from pipeline.text.word_spans import Span
from pipeline.types import Block, Line


def structured(
    lines: Sequence[Line], width_px: int, height_px: int, signs: PageSigns
) -> tuple[Block, ...]:
    """Sort lines into reading order and make headings, lists, tables, figures and notes of them.

    Vertical lines are ordered separately and stay plain text; so does a page that has most of its
    text in them.

    Args:
        lines: The lines, upright, in any order.
        width_px: Width of the page that the boxes refer to.
        height_px: Its height.
        signs: What is known of the lines, in their order.

    Returns:
        The blocks, with boxes in the pixels of the lines' boxes. The words of every line are in
        one of them.
    """
    if not is_right_to_left(lines):
        return _structured(lines, width_px, height_px, signs)
    flipped = [replace(line, box=mirrored(line.box, width_px), word_starts=()) for line in lines]
    found = _structured(flipped, width_px, height_px, _mirrored_signs(signs, width_px))
    return tuple(replace(block, box=block.box and mirrored(block.box, width_px)) for block in found)


def _mirrored_signs(signs: PageSigns, width_px: int) -> PageSigns:
    regions = tuple(replace(each, box=mirrored(each.box, width_px)) for each in signs.regions)
    rules = tuple(mirrored(rule, width_px) for rule in signs.rules)
    shapes = tuple(mirrored(shape, width_px) for shape in signs.shapes)

    def find_words() -> list[list[Span]]:
        return [[(1 - end, 1 - begin) for begin, end in spans] for spans in signs.find_words()]

    return replace(signs, regions=regions, rules=rules, shapes=shapes, find_words=find_words)


def _structured(
    lines: Sequence[Line], width_px: int, height_px: int, signs: PageSigns
) -> tuple[Block, ...]:
    """The blocks of a page that is read from left to right."""
    vertical = vertical_lines(lines)
    upright = [line for line, is_vertical in zip(lines, vertical, strict=True) if not is_vertical]
    sideways = [line for line, is_vertical in zip(lines, vertical, strict=True) if is_vertical]
    if _characters(sideways) > _characters(upright):
        return layout.blocks(lines, width_px, height_px)
    known = LineSigns(lines, signs, (width_px, height_px))
    by_rules = ruled(known.rules, known.em_px)
    tables, rest = regions.take_ruled(sort_top_down(upright), by_rules, known)
    taken = [table.box for table in tables]
    wanted = candidates(signs.regions, by_rules, (width_px, height_px), taken)
    others, rest = regions.take(rest, wanted, known)
    floating = [*tables, *others]
    standing = floats.without_text(floating, rest)
    places = floats.stand_ins(standing, known.em_px)
    every = sort_top_down([*rest, *floats.as_lines(places)])
    ordered = [paragraph for paragraph, _ in ordered_paragraphs(every)]
    found = list(_blocks(floats.divided(ordered, standing, places), known))
    unplaced = [each for each in floating if each not in standing]
    return (*floats.put_back(found, unplaced), *layout.blocks(sideways, width_px, height_px))


def _characters(lines: Sequence[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _blocks(parts: Iterable[Paragraph | Float], signs: LineSigns) -> Iterator[Block]:
    for is_float, run in groupby(parts, key=lambda part: isinstance(part, Float)):
        if is_float:
            yield from (part.block for part in run if isinstance(part, Float))
        else:
            yield from _text_blocks([part for part in run if isinstance(part, list)], signs)


def _text_blocks(paragraphs: Sequence[Paragraph], signs: LineSigns) -> Iterator[Block]:
    """The blocks of paragraphs that no table or figure divides."""
    for run, table in _runs(aligned_tables.tables(paragraphs, signs)):
        if table is not None:
            yield _table(run, table)
        else:
            yield from _named_blocks(named(run, signs))


def _runs(
    groups: Sequence[tuple[list[Paragraph], Table | None]],
) -> Iterator[tuple[list[Paragraph], Table | None]]:
    """The groups, those without a table joined: paragraphs are named beside their neighbours."""
    for is_text, run in groupby(groups, key=lambda group: group[1] is None):
        if is_text:
            yield [paragraph for paragraphs, _ in run for paragraph in paragraphs], None
        else:
            yield from run


def _table(paragraphs: Sequence[Paragraph], table: Table) -> Block:
    lines = [line for paragraph in paragraphs for row in paragraph for line in row.lines]
    return table_block(lines, table)


def _named_blocks(found: Sequence[Named]) -> Iterator[Block]:
    """One block for each paragraph, and one for each list."""
    for kind, run in groupby(found, key=lambda each: each.kind):
        members = [each.rows for each in run]
        if kind is Kind.LIST:
            yield block_of(kind, members)
        else:
            yield from (block_of(kind, [rows]) for rows in members)
