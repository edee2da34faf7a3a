"""The files that a PDF carries: those it lists by name, and those pinned to its pages.

Part of `pipeline.documents.pdf.document`, and runs in the reader's child process as that does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pymupdf import mupdf

from pipeline.documents.attachments import distinct
from pipeline.errors import DocumentError, ErrorKind

_PIECE_BYTES: Final = 1 << 20
_NAMES: Final = ("UF", "F", "Unix", "DOS", "Mac")
"""Keys of a file's specification that may hold its name, and those that may hold its bytes."""


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file in a PDF.

    Attributes:
        name: As it stands in a URI; no other file of the PDF has it.
        stream: MuPDF's object with its bytes, None where the PDF has none.
    """

    name: str
    stream: Any | None


def embedded_files(pdf: Any, page_count: int) -> list[EmbeddedFile]:
    """Every embedded file once, in a stable order: the list, then page by page.

    Raises:
        FzErrorBase: MuPDF's; the list cannot be read.
    """
    entries, seen = [], set()
    for name, stream in (*_listed(pdf), *_pinned(pdf, page_count)):
        number = mupdf.pdf_to_num(stream) if stream else 0
        if number and (name, number) in seen:
            continue  # listed, and pinned to a page as well
        seen.add((name, number))
        entries.append((name, stream))
    names = distinct(name for name, _ in entries)
    return [EmbeddedFile(name, entry[1]) for name, entry in zip(names, entries, strict=True)]


def listed_names(pdf: Any) -> list[str]:
    """The names in the PDF's list of embedded files, as it states them."""
    return [name for name, _ in _listed(pdf)]


def extract(file: EmbeddedFile, target: str, max_bytes: int) -> None:
    """Write the bytes of a file to `target`, piece by piece.

    Raises:
        DocumentError: UNREADABLE, or LIMIT for more than `max_bytes`; what was written stays.
        FzErrorBase: MuPDF's; the stream cannot be read.
        OSError: The target cannot be written.
    """
    if file.stream is None:
        raise DocumentError(ErrorKind.UNREADABLE, "the PDF names it and does not contain it")
    stream, piece, size = mupdf.pdf_open_stream(file.stream), bytearray(_PIECE_BYTES), 0
    memory = mupdf.python_mutable_buffer_data(memoryview(piece))
    with open(target, "wb") as opened:
        while count := mupdf.fz_read(stream, memory, len(piece)):
            size += count
            if size > max_bytes:
                limit = f"input.max_attachment_mib ({max_bytes >> 20})"
                raise DocumentError(ErrorKind.LIMIT, f"the attachment is over {limit}")
            opened.write(memoryview(piece)[:count])


def _listed(pdf: Any) -> Iterator[tuple[str, Any | None]]:
    tree = mupdf.pdf_load_name_tree(pdf, mupdf.pdf_new_name("EmbeddedFiles"))
    for index in range(mupdf.pdf_dict_len(tree)):
        spec = mupdf.pdf_dict_get_val(tree, index)
        key = str(mupdf.pdf_to_name(mupdf.pdf_dict_get_key(tree, index)))
        yield _stated_name(spec) or key, _stream(spec)


def _pinned(pdf: Any, page_count: int) -> Iterator[tuple[str, Any]]:
    """Files that are annotations of pages; a page that is broken has none."""
    for index in range(page_count):
        try:
            page = mupdf.pdf_lookup_page_obj(pdf, index)
        except mupdf.FzErrorBase:
            continue
        annotations = mupdf.pdf_dict_gets(page, "Annots")
        for number in range(mupdf.pdf_array_len(annotations)):
            annotation = mupdf.pdf_array_get(annotations, number)
            kind = mupdf.pdf_to_name(mupdf.pdf_dict_gets(annotation, "Subtype"))
            spec = mupdf.pdf_dict_gets(annotation, "FS")
            if kind == "FileAttachment" and (stream := _stream(spec)) is not None:
                yield _stated_name(spec), stream


def _stated_name(spec: Any) -> str:
    """The first name that a file's specification states, "" for none."""
    if mupdf.pdf_is_string(spec):
        return str(mupdf.pdf_to_text_string(spec))
    stated = (mupdf.pdf_dict_gets(spec, key) for key in _NAMES)
    return next(filter(None, (str(mupdf.pdf_to_text_string(name)) for name in stated)), "")


def _stream(spec: Any) -> Any | None:
    """The object with the bytes of a file, None where the PDF has none."""
    found = mupdf.pdf_dict_gets(spec, "EF")
    streams = (mupdf.pdf_dict_gets(found, key) for key in _NAMES)
    return next((stream for stream in streams if mupdf.pdf_is_stream(stream)), None)
