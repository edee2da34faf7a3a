"""The original as a PDF in which the recognised text is found, selected and copied.

The pages stay as they are; each gets its lines as invisible text, in their places and at the angle
at which they lie. Pages whose own text was taken get none, and mixed pages the lines that an engine
read in their pictures: what an engine without lines read there has no places. The invisible text
that a page had is taken out where `searchable.replace_layer` asks for it: else it is found beside
the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pipeline.documents.page_text import PageText, TextRun
from pipeline.output.export.page_lines import PlacedLine, lined_blocks
from pipeline.output.export.source import DocumentSource
from pipeline.output.export.visual_order import visual_order
from pipeline.types import PageResult, Source

_CHUNK_BYTES: Final = 1 << 20


def write(source: DocumentSource) -> Iterator[bytes]:
    """Yield the bytes of the PDF.

    Raises:
        RecordedError: The original is gone or another one, or cannot be opened or written.
        RefusedError: It must not be changed.
        ConfigError: A text needs a package that is not installed.
    """
    # Rows of several recipes may be of one page, which gets the text of one of them.
    pages = {page.ref.page: page for page in source.pages}
    texts = page_texts(pages.values(), source.options.searchable.replace_layer)
    with source.searchable(texts) as path, path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def page_texts(pages: Iterable[PageResult], replace_layer: bool = False) -> Iterator[PageText]:
    """The invisible text of the pages that get any.

    Args:
        pages: The pages.
        replace_layer: Whether it takes the place of the one that a page has. That of mixed pages
            was taken, and stays.
    """
    for page in pages:
        if runs := tuple(_run(line) for line in _lines(page)):
            replaces = replace_layer and page.source is Source.OCR
            size = page.width_px, page.height_px
            yield PageText(page.ref.page, *size, runs, replaces_layer=replaces)


def _lines(page: PageResult) -> Iterator[PlacedLine]:
    """The lines that the PDF lacks."""
    if page.source not in (Source.OCR, Source.MIXED) or not (page.width_px and page.height_px):
        return
    for block in lined_blocks(page):
        for line in block.lines:
            # Of mixed pages the estimated lines are those of the layer, which the PDF has.
            if page.source is Source.OCR or not line.is_estimated:
                yield line


def _run(line: PlacedLine) -> TextRun:
    logical = " ".join(line.text.split())
    text = visual_order(logical)
    starts = line.word_starts if text == logical else ()
    place = line.box, line.direction_deg
    return TextRun(text, *place, line.is_monospaced, starts, skew_deg=line.skew_deg)
