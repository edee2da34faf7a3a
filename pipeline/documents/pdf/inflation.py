"""Refuses a PDF page whose streams decode to more bytes than a page may have.

Flate packs 1,000 bytes into one, and filters can be chained: a page in a file of 1 MB can have
gigabytes of drawing operators, which take minutes to interpret. Decoding alone is 100 times faster,
and stops at the limit. Streams are decoded and not kept; each once for a document.

Images are not counted: what is decoded of one is bounded by its width and height.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pymupdf import mupdf

from pipeline.errors import ErrorKind, PageError

_MIB: Final = 1 << 20
_MAX_DEPTH: Final = 40
"""Nesting to which resources are followed: MuPDF's own limit for forms is lower."""
_CATEGORIES: Final = frozenset({"Font", "XObject", "Pattern", "ExtGState", "Shading", "CharProcs"})
"""Dictionaries of named resources."""
_MEMBERS: Final = frozenset(
    {
        *("Resources", "FontDescriptor", "FontFile", "FontFile2", "FontFile3", "DescendantFonts"),
        *("ToUnicode", "Encoding", "CIDToGIDMap", "SMask", "G", "Shading", "Function", "AP", "N"),
    }
)
"""Members of resources that are or have streams which MuPDF decodes."""


_NO_STREAMS: Final[frozenset[int]] = frozenset()

# The bindings' functions of C++ themselves: those of `mupdf` are a call of Python more for each.
_number_of: Final = mupdf._mupdf.ll_pdf_to_num
_value_of: Final = mupdf._mupdf.ll_pdf_dict_gets
_entry: Final = mupdf._mupdf.ll_pdf_dict_get_val


class InflationLimit:
    """Counts the decoded bytes of pages of one document.

    Args:
        pdf: MuPDF's document.
        max_mib: Maximum of one page, MiB.
    """

    def __init__(self, pdf: Any, max_mib: int) -> None:
        self._pdf, self._max_mib = pdf, max_mib
        self._sizes: dict[int, int] = {}
        self._used: dict[int, frozenset[int]] = {}

    def check(self, page: Any) -> None:
        """Refuse a page over the limit.

        Args:
            page: The page's dictionary.

        Raises:
            PageError: LIMIT.
        """
        # A stream that is listed twice is interpreted twice.
        content = _value_of(page.m_internal, "Contents")
        parts = _items(content) if mupdf.ll_pdf_is_array(content) else (content,)
        contents = [_number_of(part) for part in parts if mupdf.ll_pdf_is_stream(part)]
        resources = mupdf.pdf_dict_get_inheritable(page, mupdf.pdf_new_name("Resources"))
        streams = self._streams(resources.m_internal, 0)
        for annotation in _items(_value_of(page.m_internal, "Annots")):
            streams |= self._streams(annotation, 0)
        size = 0
        for number in [*contents, *sorted(streams)]:
            size += self._size(number)
            if size > self._max_mib * _MIB:
                message = "its content decodes to more than read.max_inflated_mib"
                raise PageError(ErrorKind.LIMIT, f"{message} ({self._max_mib})")

    def _streams(self, holder: Any, depth: int) -> frozenset[int]:
        """The numbers of the streams that an object is or uses, images left out.

        Args:
            holder: An object of MuPDF's low-level interface, whose calls take a third of the time;
                None for null.
            depth: How many objects it is below the page.
        """
        if depth > _MAX_DEPTH or holder is None:
            return _NO_STREAMS
        number = _number_of(holder)
        if number in self._used:
            return self._used[number]
        if number:
            self._used[number] = _NO_STREAMS  # ends a cycle
        found: set[int] = set()
        if number and mupdf.ll_pdf_is_stream(holder):
            if mupdf.ll_pdf_to_name(_value_of(holder, "Subtype")) == "Image":
                return _NO_STREAMS
            found.add(number)
        for member in _members(holder):
            found |= self._streams(member, depth + 1)
        streams = frozenset(found)
        if number:
            self._used[number] = streams
        return streams

    def _size(self, number: int) -> int:
        """Decoded bytes of a stream, counted to just over the limit."""
        if number not in self._sizes:
            try:
                stream = mupdf.pdf_open_stream_number(self._pdf, number)
                self._sizes[number] = mupdf.fz_skip(stream, self._max_mib * _MIB + 1)
            except mupdf.FzErrorBase:
                self._sizes[number] = 0  # reported where the page is read
        return self._sizes[number]


def _members(holder: Any) -> Iterator[Any]:
    if not mupdf.ll_pdf_is_dict(holder):
        yield from _items(holder)  # none, where it is no array
        return
    for index in range(mupdf.ll_pdf_dict_len(holder)):
        name = mupdf.ll_pdf_to_name(mupdf.ll_pdf_dict_get_key(holder, index))
        if name in _MEMBERS:
            yield _entry(holder, index)
        elif name in _CATEGORIES:
            named = _entry(holder, index)
            for entry in range(mupdf.ll_pdf_dict_len(named)):
                yield _entry(named, entry)


def _items(array: Any) -> Iterator[Any]:
    for index in range(mupdf.ll_pdf_array_len(array)):
        yield mupdf.ll_pdf_array_get(array, index)
