"""Files embedded in a PDF: in its name tree, and as annotations of its pages.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pymupdf import mupdf

from pipeline.documents.attachments import unique_names
from pipeline.errors import DocumentError, ErrorKind

_CHUNK_BYTES: Final = 1 << 20
_NAMES: Final = ("UF", "F", "Unix", "DOS", "Mac")
"""Keys of a file specification for the name, and of its EF dictionary for the bytes."""


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file embedded in a PDF.

    Attributes:
        name: Its unique name, as used in URIs.
        stream: MuPDF's stream object with its bytes, None where the PDF lacks it.
    """

    name: str
    stream: Any | None


def embedded_files(pdf: Any, page_count: int) -> list[EmbeddedFile]:
    """Every embedded file once, in a stable order: the name tree, then page by page.

    Raises:
        FzErrorBase: MuPDF cannot read the name tree.
    """
    entries, seen = [], set()
    for name, stream in (*_name_tree(pdf), *_annotations(pdf, page_count)):
        number = mupdf.pdf_to_num(stream) if stream else 0
        if number and (name, number) in seen:
            continue  # in the name tree and an annotation
        seen.add((name, number))
        entries.append((name, stream))
    names = unique_names(name for name, _ in entries)
    return [EmbeddedFile(name, entry[1]) for name, entry in zip(names, entries, strict=True)]


def listed_names(pdf: Any) -> list[str]:
    """The names in the PDF's name tree of embedded files, unchanged."""
    return [name for name, _ in _name_tree(pdf)]


def extract(file: EmbeddedFile, target: str, max_bytes: int) -> None:
    """Write the bytes of a file to `target` in chunks.

    Raises:
        DocumentError: UNREADABLE, or LIMIT for more than `max_bytes`; then the target may be
            partly written.
        FzErrorBase: MuPDF cannot read the stream.
        OSError: The target cannot be written.
    """
    if file.stream is None:
        raise DocumentError(ErrorKind.UNREADABLE, "the PDF names it and does not contain it")
    stream, chunk, size = mupdf.pdf_open_stream(file.stream), bytearray(_CHUNK_BYTES), 0
    memory = mupdf.python_mutable_buffer_data(memoryview(chunk))
    with open(target, "wb") as opened:
        while count := mupdf.fz_read(stream, memory, len(chunk)):
            size += count
            if size > max_bytes:
                limit = f"input.max_attachment_mib ({max_bytes >> 20})"
                raise DocumentError(ErrorKind.LIMIT, f"the attachment is over {limit}")
            opened.write(memoryview(chunk)[:count])


def _name_tree(pdf: Any) -> Iterator[tuple[str, Any | None]]:
    tree = mupdf.pdf_load_name_tree(pdf, mupdf.pdf_new_name("EmbeddedFiles"))
    for index in range(mupdf.pdf_dict_len(tree)):
        spec = mupdf.pdf_dict_get_val(tree, index)
        key = str(mupdf.pdf_to_name(mupdf.pdf_dict_get_key(tree, index)))
        yield _stated_name(spec) or key, _stream(spec)


def _annotations(pdf: Any, page_count: int) -> Iterator[tuple[str, Any]]:
    """Files in annotations of pages; a damaged page has none."""
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
    """The first name in a file specification, "" for none."""
    if mupdf.pdf_is_string(spec):
        return str(mupdf.pdf_to_text_string(spec))
    stated = (mupdf.pdf_dict_gets(spec, key) for key in _NAMES)
    return next(filter(None, (str(mupdf.pdf_to_text_string(name)) for name in stated)), "")


def _stream(spec: Any) -> Any | None:
    """The stream object with the bytes of a file, None where the PDF lacks it."""
    found = mupdf.pdf_dict_gets(spec, "EF")
    streams = (mupdf.pdf_dict_gets(found, key) for key in _NAMES)
    return next((stream for stream in streams if mupdf.pdf_is_stream(stream)), None)
