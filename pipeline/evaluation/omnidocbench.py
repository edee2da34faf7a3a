"""OmniDocBench: pages whose blocks are written down with their text and reading order, as JSON.

L. Ouyang et al., "OmniDocBench: benchmarking diverse PDF document parsing with comprehensive
annotations", 2024. A copy has one JSON file, a list of pages. The truth of a page is the text of
the blocks that have a reading order and are not to be ignored, one block a line, in that order;
formulas are their LaTeX, tables the text of their cells. Headers, footers and page numbers have no
order there and are left out. A page is the document of its image's name, which is that of its PDF.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from lxml import html

from pipeline.errors import ConfigError
from pipeline.evaluation.tables import html_tables
from pipeline.evaluation.truth import Truth, read_text


def load(place: Path) -> Iterator[Truth]:
    """The pages of an annotation file, or of the only one in a folder.

    Raises:
        ConfigError: It is no such file.
    """
    files = [place] if place.is_file() else sorted(place.glob("*.json"))
    if len(files) != 1:
        raise ConfigError(f"--truth {place}: {len(files)} files *.json; name the annotations")
    try:
        pages = json.loads(read_text(files[0]))
        truths = [_truth(page) for page in pages]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"--truth {files[0]}: not the annotations of OmniDocBench: {error!r}"
        raise ConfigError(message) from None
    yield from truths


def _truth(page: Mapping[str, Any]) -> Truth:
    wanted = [
        block
        for block in page["layout_dets"]
        if block.get("order") is not None and not block.get("ignore")
    ]
    blocks = sorted(wanted, key=lambda block: float(block["order"]))
    name = PurePosixPath(str(page["page_info"]["image_path"])).stem
    text = "\n".join(filter(None, map(_text, blocks)))
    return Truth(name, 1, text, tuple(_tables(blocks)))


def _text(block: Mapping[str, Any]) -> str:
    parts = [block, *(block.get("merge_list") or [])] if not block.get("text") else [block]
    return " ".join(filter(None, map(_own_text, parts)))


def _own_text(block: Mapping[str, Any]) -> str:
    if block.get("html"):
        tables = html_tables(str(block["html"]))
        cells = [
            cell.text_content() for table in tables for cell in html.fromstring(table).iter("td")
        ]
        return " ".join(cells)
    return " ".join(str(block.get("text") or block.get("latex") or "").split())


def _tables(blocks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for block in blocks:
        if block["category_type"] == "table" and block.get("html"):
            yield from html_tables(str(block["html"]))
