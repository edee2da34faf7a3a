"""One JSON object a page and line: what the service answers of a page, and its place. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipeline.output.export.source import DocumentSource
from pipeline.types import Block, PageResult


def write(source: DocumentSource) -> Iterator[str]:
    """Yield a line for each page."""
    for page in source.pages:
        yield json.dumps(_record(page), ensure_ascii=False) + "\n"


def _record(page: PageResult) -> dict[str, Any]:
    ref, recognition = page.ref, page.recognition
    failure = recognition.failure
    return {
        "uri": ref.uri,
        "doc_id": ref.doc_id,
        "page": ref.page,
        "page_count": ref.page_count,
        "page_id": page.ids.page_id,
        "status": recognition.status,
        "source": page.source,
        "text": recognition.text,
        "blocks": [_block(block) for block in recognition.blocks],
        "width_px": page.width_px,
        "height_px": page.height_px,
        "width_pt": ref.width_pt,
        "height_pt": ref.height_pt,
        "turned_deg": page.turned_deg,
        "error": {"kind": failure.kind, "message": failure.message} if failure else None,
        "warnings": list(page.warnings),
        "engine": page.engine,
        "model": page.model,
    }


def _block(block: Block) -> dict[str, Any]:
    return {"kind": block.kind, "text": block.text, "box": block.box, "score": block.score}
