"""hOCR 1.2: pages, blocks, lines and words with their boxes, as XHTML. Pure.

Boxes are pixels of the page as displayed, as in the rows. Those of words are estimated: the box of
the line is divided by the widths of the characters. Lines whose boxes are estimated too have the
property `x_estimated`, those that lie askew `baseline`. Source: the hOCR specification 1.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from pipeline import __version__
from pipeline.documents.pdf.invisible_font import DESCENT
from pipeline.output.export.askew import baseline
from pipeline.output.export.page_lines import (
    LinedBlock,
    PlacedLine,
    is_right_to_left,
    lined_blocks,
    without_overlap,
    words,
)
from pipeline.output.export.source import DocumentSource, failure_message
from pipeline.output.export.xml_text import allowed, attribute
from pipeline.text.structure.markdown import Kind
from pipeline.types import Box, PageResult

_BLOCK_CLASSES: Final[dict[str, str]] = {Kind.IMAGE: "ocr_photo", Kind.TABLE: "ocr_table"}
_LINE_CLASSES: Final[dict[str, str]] = {
    Kind.HEADER: "ocr_header",
    Kind.FOOTER: "ocr_footer",
    Kind.TABLE_CAPTION: "ocr_caption",
    Kind.IMAGE_CAPTION: "ocr_caption",
}
_BLOCK, _LINE = "ocr_carea", "ocr_line"
_CLASSES: Final = (
    *("ocr_page", _BLOCK, *_BLOCK_CLASSES.values(), "ocr_par", _LINE),
    *(*sorted(set(_LINE_CLASSES.values())), "ocrx_word", "ocrp_wconf"),
)


def write(source: DocumentSource) -> Iterator[str]:
    """Yield the document, page by page."""
    ref = source.pages[0].ref
    meta = {
        "ocr-system": f"rayscribe {__version__}",
        "ocr-number-of-pages": str(ref.page_count),
        "ocr-capabilities": " ".join(_CLASSES),
    }
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n'
    yield '<html xmlns="http://www.w3.org/1999/xhtml">\n<head>\n<meta charset="utf-8"/>\n'
    yield f"<title>{_text(ref.uri)}</title>\n"
    for name, value in meta.items():
        yield f'<meta name="{name}" content={attribute(value)}/>\n'
    yield "</head>\n<body>\n"
    for page in source.pages:
        yield from _page(page)
    yield "</body>\n</html>\n"


def _page(page: PageResult) -> Iterator[str]:
    ref = page.ref
    name = ref.uri.replace('"', "%22").replace(";", "%3B")  # what properties end at
    title = [
        f'image "{name}"',
        f"bbox 0 0 {page.width_px} {page.height_px}",
        f"ppageno {max(0, ref.page - 1)}",
    ]
    if page.dpi:
        title.append(f"scan_res {page.dpi:g} {page.dpi:g}")
    said = f" data-status={attribute(page.recognition.status)}"
    if failure := failure_message(page):
        said += f" data-error={attribute(failure)}"
    identity = f"page_{ref.page}"
    yield f'<div class="ocr_page" id="{identity}" title={attribute("; ".join(title))}{said}>\n'
    for number, block in enumerate(without_overlap(lined_blocks(page)), 1):
        if block.box:
            yield from _block(block, block.box, f"{identity}_block_{number}")
    yield "</div>\n"


def _block(block: LinedBlock, box: Box, identity: str) -> Iterator[str]:
    name = _BLOCK_CLASSES.get(block.kind, _BLOCK)
    yield f'<div class="{name}" id="{identity}" title="{_bbox(box)}">'
    if block.lines:
        yield f'<p class="ocr_par" title="{_bbox(box)}">\n'
        for line in block.lines:
            yield _line(line, _LINE_CLASSES.get(block.kind, _LINE)) + "\n"
        yield "</p>"
    yield "</div>\n"


def _line(line: PlacedLine, name: str) -> str:
    title = [_bbox(line.box)]
    if line.direction_deg:
        title.append(f"textangle {360 - line.direction_deg}")  # counter-clockwise
    if line.skew_deg:
        slope, constant = baseline(line.box, line.direction_deg, line.skew_deg, DESCENT)
        title.append(f"baseline {slope:.4f} {constant:.1f}")
    if line.is_estimated:
        title.append("x_estimated 1")
    score = "" if line.score is None else f"; x_wconf {round(100 * line.score)}"
    found = " ".join(
        f'<span class="ocrx_word" title="{_bbox(word.box)}{score}">{_text(word.text)}</span>'
        for word in words(line)
    )
    direction = ' dir="rtl"' if is_right_to_left(line.text) else ""
    return f'<span class="{name}"{direction} title="{"; ".join(title)}">{found}</span>'


def _bbox(box: Box) -> str:
    return "bbox " + " ".join(str(round(side)) for side in box)


def _text(text: str) -> str:
    return escape(allowed(text), quote=False)
