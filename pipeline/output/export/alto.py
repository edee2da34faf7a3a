"""ALTO 4: pages, blocks, lines and words with their boxes, as XML. Pure.

Boxes are pixels of the page as displayed, as in the rows. Those of words are estimated: the box of
the line is divided by the widths of the characters. Lines whose boxes are estimated too have the
tag `estimated`; the kind of a block is a tag too. Lines that lie askew have their baseline and the
rectangle in their box. Source: the schema ALTO 4.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from xml.sax.saxutils import escape

from pipeline import __version__
from pipeline.documents.pdf.invisible_font import DESCENT
from pipeline.imaging.skewed_boxes import Point
from pipeline.output.export.askew import baseline_ends, corners
from pipeline.output.export.page_lines import (
    LinedBlock,
    PlacedLine,
    lined_blocks,
    without_overlap,
    words,
)
from pipeline.output.export.source import DocumentSource
from pipeline.output.export.xml_text import allowed, attribute
from pipeline.text.structure.markdown import Kind
from pipeline.types import Box, PageResult

_NAMESPACE: Final = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA: Final = "http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
_ESTIMATED: Final = "tag_estimated"
_WORDS_ARE_ESTIMATED: Final = (
    "Boxes of words are estimated from those of their lines; boxes of lines with the tag estimated"
    " from those of their blocks."
)


def write(source: DocumentSource) -> Iterator[str]:
    """Yield the document, page by page."""
    # Two passes: the tags come before what refers to them.
    kinds = sorted({block.kind for page in source.pages for block in page.recognition.blocks})
    tags = {kind: f"tag_kind_{number}" for number, kind in enumerate(kinds, 1)}
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield (
        f'<alto xmlns="{_NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:schemaLocation="{_NAMESPACE} {_SCHEMA}">\n'
    )
    yield _description(source.pages[0])
    yield "<Tags>\n"
    for kind, tag in tags.items():
        yield f'<LayoutTag ID="{tag}" TYPE="kind" LABEL={attribute(kind)}/>\n'
    yield f'<OtherTag ID="{_ESTIMATED}" LABEL="estimated"/>\n</Tags>\n<Layout>\n'
    for page in source.pages:
        yield from _page(page, tags)
    yield "</Layout>\n</alto>\n"


def _description(page: PageResult) -> str:
    return (
        "<Description><MeasurementUnit>pixel</MeasurementUnit>"
        f"<sourceImageInformation><fileName>{_text(page.ref.uri)}</fileName>"
        "</sourceImageInformation>"
        '<Processing ID="ocr"><processingCategory>contentGeneration</processingCategory>'
        f"<processingStepDescription>{_WORDS_ARE_ESTIMATED}</processingStepDescription>"
        f"<processingStepSettings>{_text(f'{page.engine} {page.model}')}</processingStepSettings>"
        "<processingSoftware><softwareName>rayscribe</softwareName>"
        f"<softwareVersion>{__version__}</softwareVersion></processingSoftware>"
        "</Processing></Description>\n"
    )


def _page(page: PageResult, tags: dict[str, str]) -> Iterator[str]:
    identity = f"page_{page.ref.page}"
    size = f'WIDTH="{page.width_px}" HEIGHT="{page.height_px}"'
    score = "" if page.text_score is None else f' PC="{min(1.0, page.text_score):.3f}"'
    yield f'<Page ID="{identity}" PHYSICAL_IMG_NR="{page.ref.page}" {size}{score}>\n'
    yield f'<PrintSpace HPOS="0" VPOS="0" {size}>\n'
    for number, block in enumerate(without_overlap(lined_blocks(page)), 1):
        if block.box:
            tag = f' TAGREFS="{tags[block.kind]}"' if block.kind in tags else ""
            yield from _block(block, block.box, f"{identity}_block_{number}", tag)
    yield "</PrintSpace>\n</Page>\n"


def _block(block: LinedBlock, box: Box, identity: str, tag: str) -> Iterator[str]:
    if block.kind == Kind.IMAGE and not block.lines:
        yield f'<Illustration ID="{identity}"{_place(box)}{tag}/>\n'
        return
    turns = {line.direction_deg for line in block.lines}
    turn = turns.pop() if len(turns) == 1 else 0
    rotation = f' ROTATION="{360 - turn}"' if turn else ""  # counter-clockwise
    yield f'<TextBlock ID="{identity}"{_place(box)}{rotation}{tag}>\n'
    for number, line in enumerate(block.lines, 1):
        yield _line(line, f"{identity}_line_{number}")
    yield "</TextBlock>\n"


def _line(line: PlacedLine, identity: str) -> str:
    tag = f' TAGREFS="{_ESTIMATED}"' if line.is_estimated else ""
    score = "" if line.score is None else f' WC="{min(1.0, max(0.0, line.score)):.3f}"'
    found = "<SP/>".join(
        f"<String CONTENT={attribute(word.text)}{_place(word.box)}{score}/>" for word in words(line)
    )
    shape = ""
    if line.skew_deg:
        lies = line.box, line.direction_deg, line.skew_deg
        shape = f'<Shape><Polygon POINTS="{_points(corners(*lies))}"/></Shape>'
        tag = f' BASELINE="{_points(baseline_ends(*lies, DESCENT))}"{tag}'
    return f'<TextLine ID="{identity}"{_place(line.box)}{tag}>{shape}{found}</TextLine>\n'


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{round(x)},{round(y)}" for x, y in points)


def _place(box: Box) -> str:
    x0, y0, x1, y1 = (round(side) for side in box)
    return f' HPOS="{x0}" VPOS="{y0}" WIDTH="{x1 - x0}" HEIGHT="{y1 - y0}"'


def _text(text: str) -> str:
    return escape(allowed(text))
