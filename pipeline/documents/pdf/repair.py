"""A second opinion on a PDF that MuPDF cannot open, or in which it finds no page: qpdf's.

Both scan a damaged file for its objects and build a new table of them, but they give up at
different places: MuPDF at an object that makes no sense, qpdf at a missing trailer. What qpdf
finds is written anew, so that MuPDF can read it.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any


def rewritten(path: str, passwords: Sequence[str]) -> bytes | None:
    """The file as qpdf reads it, decrypted and written anew; None where no page has content.

    Args:
        path: The file; its name may be any bytes.
        passwords: Tried in turn, after none.

    Raises:
        MemoryError: The copy does not fit.
        OSError: The file cannot be read.
    """
    import pikepdf

    mapped = pikepdf.AccessMode.mmap  # qpdf reads byte by byte: 15 times as quick as by Python
    for password in ("", *filter(None, passwords)):
        with open(path, "rb") as file:
            try:
                with pikepdf.open(file, password=password, access_mode=mapped) as pdf:
                    return _written(pdf) if any(map(_has_content, pdf.pages)) else None
            except pikepdf.PasswordError:
                continue
            except (pikepdf.PdfError, RuntimeError, ValueError):
                return None  # what is said of the file is what MuPDF said
    return None


def _has_content(page: Any) -> bool:
    """Whether something that a page may show is in the file, which need not be what it showed."""
    import pikepdf

    content = page.obj.get("/Contents")
    streams = content if isinstance(content, pikepdf.Array) else [content]
    return "/Annots" in page or any(isinstance(one, pikepdf.Stream) for one in streams)


def _written(pdf: Any) -> bytes:
    import pikepdf

    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # they concern viewers of the copy
        pdf.save(
            target,
            fix_metadata_version=False,
            compress_streams=False,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
        )
    return target.getvalue()
