"""Documents in the form of AllenAI's Dolma, as olmOCR writes them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipeline.output.export.source import DocumentSource


def write(source: DocumentSource) -> Iterator[str]:
    """Yield one JSON object in Dolma's form, with the spans of the pages.

    `attributes.pdf_page_numbers` has for each page [first character, end, page number], as olmOCR
    writes them.
    """
    parts: list[str] = []
    spans: list[list[int]] = []
    at = 0
    for page in source.pages:
        part = page.recognition.text
        if parts:
            part = "\n" + part
        parts.append(part)
        spans.append([at, at + len(part), page.ref.page])
        at += len(part)
    first = source.pages[0]
    record = {
        "id": first.ref.doc_id or first.ids.page_id,
        "text": "".join(parts),
        "source": "rayscribe",
        "metadata": {
            "Source-File": first.ref.uri,
            "pdf-total-pages": first.ref.page_count,
            "recipe_hash": first.ids.recipe_hash,
        },
        "attributes": {"pdf_page_numbers": spans},
    }
    yield json.dumps(record, ensure_ascii=False) + "\n"
