"""What the sandbox says of a document."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """Type, size and pages of a document.

    Attributes:
        doc_id: SHA-256 (hex) of its bytes.
        media_type: Its type by its bytes, whatever the file's name says.
        size_bytes: Its size in bytes.
        pages: Width and height of every page as displayed, in PDF points; (0, 0) for an image file
            without a resolution and for a damaged page.
        warnings: Messages of the libraries about problems that were not fatal.
    """

    doc_id: str
    media_type: str
    size_bytes: int
    pages: tuple[tuple[float, float], ...]
    warnings: tuple[str, ...] = ()
