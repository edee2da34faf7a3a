"""Finds what a PDF page should have drawn and MuPDF left out: it warns, and draws white.

Part of `pipeline.documents.pdf.document`, and runs in the reader's child process as that does.
Asked only about pages that look empty: everything that the page draws with is decoded once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pymupdf import mupdf

from pipeline.documents.pdf import mupdf_log

_PIECE_BYTES: Final = 1 << 20
_MAX_BYTES: Final = 256 << 20
"""Most bytes of a stream that are looked at; a broken one breaks long before."""
_MAX_OBJECTS: Final = 500
_DAMAGE: Final = re.compile(
    r"error|premature|cannot|corrupt|broken|invalid|unknown filter|missing|truncat", re.IGNORECASE
)
_LEFT_OUT: Final = re.compile(r"padding truncated image|cannot find XObject")
"""What MuPDF says where it leaves a picture out, also one that stands in the content itself."""
_UNREAD: Final = re.compile(r"cannot load object \((\d+) 0 R\)")
_HARMLESS: Final = re.compile(r"icc|colorspace|incorrect data check", re.IGNORECASE)


def lost_content(page: Any) -> str:
    """A line where the page has content that is not in the file, else ""."""
    content = mupdf.pdf_dict_gets(page, "Contents")
    if mupdf.pdf_is_indirect(content) and mupdf.pdf_is_null(content):
        return "its content is not in the file"
    return ""


def damage(pdf: Any, page: Any, warnings: tuple[str, ...], max_pixels: int) -> str:
    """The first thing that the page draws with and that cannot be decoded, "" where all can.

    Args:
        pdf: MuPDF's PDF.
        page: The page's dictionary.
        warnings: What MuPDF complained about while it drew the page.
        max_pixels: Pictures with more are not decoded where that takes them as a whole.
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


def _unread(pdf: Any, warnings: tuple[str, ...]) -> str:
    """An object that MuPDF wanted and still cannot read, though it may have repaired the file."""
    for number in dict.fromkeys(_UNREAD.findall("\n".join(warnings))):
        try:
            mupdf.pdf_load_object(pdf, int(number))
        except mupdf.FzErrorBase as error:
            mupdf_log.check_memory(str(error))
            return f"object {number} cannot be read: {mupdf_log.say(error)}"
    return ""


def _drawn(page: Any) -> Iterator[tuple[str, Any]]:
    """The streams of a page: its content, then the forms and pictures of its resources."""
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
            yield "a form" if is_form else "a picture", one


def _broken(pdf: Any, stream: Any, max_pixels: int) -> str:
    """What goes wrong with a stream, "" for nothing."""
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
        return mupdf_log.say(error)
    said = mupdf_log.take()
    mupdf_log.check_memory(*said)
    return next((line for line in said if _DAMAGE.search(line) and not _HARMLESS.search(line)), "")


def _is_jpx(stream: Any) -> bool:
    """Whether a picture is JPEG 2000, which as a stream stays as it is."""
    found = mupdf.pdf_dict_gets(stream, "Filter")
    if mupdf.pdf_is_array(found):
        found = mupdf.pdf_array_get(found, mupdf.pdf_array_len(found) - 1)
    return bool(mupdf.pdf_to_name(found) == "JPXDecode")


def _decode(stream: Any) -> None:
    opened, piece, size = mupdf.pdf_open_stream(stream), bytearray(_PIECE_BYTES), 0
    memory = mupdf.python_mutable_buffer_data(memoryview(piece))
    while size < _MAX_BYTES and (count := mupdf.fz_read(opened, memory, len(piece))):
        size += count
