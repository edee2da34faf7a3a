"""Finds damaged content that MuPDF left out of a PDF page: it warns, and draws white instead.

Two kinds: streams that cannot be decoded, and streams whose operators make no sense.

Runs in the worker process of `pipeline.documents.sandbox`. It decodes all streams that the page
uses once more, and is called only for pages that look almost blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pymupdf import mupdf

from pipeline.documents.pdf import mupdf_log

_CHUNK_BYTES: Final = 1 << 20
_MAX_BYTES: Final = 256 << 20
"""Maximum bytes of a stream that are decoded; a damaged one fails long before."""
_MAX_OBJECTS: Final = 500
_DAMAGE: Final = re.compile(
    r"error|premature|cannot|corrupt|broken|invalid|unknown filter|missing|truncat", re.IGNORECASE
)
_LEFT_OUT: Final = re.compile(r"padding truncated image|cannot find XObject")
"""MuPDF's messages where it leaves an image out, inline images included."""
_MISREAD: Final = re.compile(
    r"syntax error|unknown keyword|not closed|invalid (?:indirect reference|character)|cannot draw"
    r"|crypt filter"
)
"""MuPDF's messages where it skips what it cannot interpret. Not one too many of `Q`, which is
harmless."""
_UNREAD: Final = re.compile(r"cannot load object \((\d+) 0 R\)")
_HARMLESS: Final = re.compile(r"icc|colorspace|incorrect data check", re.IGNORECASE)


def lost_content(page: Any) -> str:
    """A message where the page or its content stream is missing in the file, else ""."""
    if not mupdf.pdf_is_dict(page):
        return "the page is not in the file, only its place in the page tree"
    if mupdf.pdf_is_array(mupdf.pdf_dict_gets(page, "Kids")):
        return "it is a node of the page tree that says it is a page"
    content = mupdf.pdf_dict_gets(page, "Contents")
    if mupdf.pdf_is_indirect(content) and mupdf.pdf_is_null(content):
        return "its content is not in the file"
    return ""


def damage(pdf: Any, page: Any, warnings: tuple[str, ...], max_pixels: int) -> str:
    """A message about the first stream of the page that cannot be decoded, "" where all can.

    Args:
        pdf: MuPDF's document.
        page: The page's dictionary.
        warnings: MuPDF's warnings while it rendered the page.
        max_pixels: Larger JPEG 2000 images are not decoded: that needs them whole in memory.
    """
    mupdf_log.take()
    for number, (name, stream) in enumerate(_drawn(page)):
        if number == _MAX_OBJECTS:
            break
        said = _broken(pdf, stream, max_pixels)
        if said:
            return f"{name} cannot be decoded: {said}"
    left_out = next(filter(_LEFT_OUT.search, warnings), "")
    return left_out or _unread(pdf, warnings) or lost_content(page)


def misread(warnings: tuple[str, ...]) -> str:
    """A message about the first operator or object that MuPDF could not interpret, "" for none.

    Some programs end a good page with such: it says something of pages that paint nothing else.
    """
    said = next(filter(_MISREAD.search, warnings), "")
    return said and f"its content cannot be interpreted: {said}"


def _unread(pdf: Any, warnings: tuple[str, ...]) -> str:
    """A message about an object that MuPDF could not load and still cannot, after any repair."""
    for number in dict.fromkeys(_UNREAD.findall("\n".join(warnings))):
        try:
            mupdf.pdf_load_object(pdf, int(number))
        except mupdf.FzErrorBase as error:
            mupdf_log.check_memory(str(error))
            return f"object {number} cannot be read: {mupdf_log.message(error)}"
    return ""


def _drawn(page: Any) -> Iterator[tuple[str, Any]]:
    """The streams of a page: its content, then the forms and images of its resources."""
    content = mupdf.pdf_dict_gets(page, "Contents")
    if mupdf.pdf_is_array(content):
        for index in range(mupdf.pdf_array_len(content)):
            yield "its content", mupdf.pdf_array_get(content, index)
    elif not mupdf.pdf_is_null(content):
        yield "its content", content
    waiting = [mupdf.pdf_dict_get_inheritable(page, mupdf.pdf_new_name("Resources"))]
    seen: set[int] = set()
    while waiting:
        objects = mupdf.pdf_dict_gets(waiting.pop(), "XObject")
        for index in range(mupdf.pdf_dict_len(objects)):
            one = mupdf.pdf_dict_get_val(objects, index)
            if (number := mupdf.pdf_to_num(one)) in seen:
                continue
            seen.add(number)
            is_form = mupdf.pdf_to_name(mupdf.pdf_dict_gets(one, "Subtype")) == "Form"
            if is_form:
                waiting.append(mupdf.pdf_dict_gets(one, "Resources"))
            yield "a form" if is_form else "an image", one


def _broken(pdf: Any, stream: Any, max_pixels: int) -> str:
    """The error of decoding a stream, "" for none."""
    if not mupdf.pdf_is_stream(stream):
        return "it is not in the file"
    try:
        if mupdf.pdf_to_name(mupdf.pdf_dict_gets(stream, "Subtype")) == "Image":
            image = mupdf.pdf_load_image(pdf, stream)
            if _is_jpx(stream) and image.w() * image.h() <= max_pixels:
                mupdf.fz_get_pixmap_from_image(image, mupdf.FzIrect(), mupdf.FzMatrix(), 0, 0)
        _decode(stream)
    except mupdf.FzErrorBase as error:
        mupdf_log.check_memory(str(error))
        return mupdf_log.message(error)
    said = mupdf_log.take()
    mupdf_log.check_memory(*said)
    return next((line for line in said if _DAMAGE.search(line) and not _HARMLESS.search(line)), "")


def _is_jpx(stream: Any) -> bool:
    """Whether an image is JPEG 2000, which reading its stream does not decode."""
    found = mupdf.pdf_dict_gets(stream, "Filter")
    if mupdf.pdf_is_array(found):
        found = mupdf.pdf_array_get(found, mupdf.pdf_array_len(found) - 1)
    return bool(mupdf.pdf_to_name(found) == "JPXDecode")


def _decode(stream: Any) -> None:
    opened, chunk, size = mupdf.pdf_open_stream(stream), bytearray(_CHUNK_BYTES), 0
    memory = mupdf.python_mutable_buffer_data(memoryview(chunk))
    while size < _MAX_BYTES and (count := mupdf.fz_read(opened, memory, len(chunk))):
        size += count
