"""The objects with which a PDF gets invisible text: content of its pages, and a font.

A page gets one content stream more, before its own, which may leave the graphics state changed. It
gets resources of its own too: those of the original may be inherited, or shared between pages.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from typing import Any, Final

from pymupdf import mupdf

from pipeline.documents.page_text import PageText
from pipeline.documents.pdf.invisible_font import InvisibleFont
from pipeline.documents.pdf.invisible_text import Matrix, content
from pipeline.documents.pdf.objects import PdfObjects, reference

_FONT_NAME: Final = "RayscribeInvisible"


class AddedText:
    """The invisible text of a document: content of its pages, and the font that they share."""

    def __init__(self, pdf: Any, is_tagged: bool) -> None:
        self._objects, self._is_tagged = PdfObjects(pdf), is_tagged
        self._font = InvisibleFont()
        self._font_object: Any = None

    def add(self, target: Any, page: PageText) -> None:
        """Add the text of a page to its object."""
        inherited = mupdf.pdf_dict_get_inheritable(target, mupdf.PDF_ENUM_NAME_Resources)
        resources = _copied(self._objects.pdf, inherited)
        fonts = _copied(self._objects.pdf, mupdf.pdf_dict_gets(resources, "Font"))
        name = _free_name(fonts)
        drawn = content(page, _from_pixels(target, page), self._font, name)
        if not drawn:
            return
        if self._is_tagged:  # else it would be content without a tag, which PDF/UA forbids
            drawn = b"/Artifact BMC\n" + drawn + b"EMC\n"
        if self._font_object is None:
            self._font_object = mupdf.pdf_add_new_dict(self._objects.pdf, 8)
        mupdf.pdf_dict_puts(fonts, name, self._font_object)
        mupdf.pdf_dict_puts(resources, "Font", fonts)
        mupdf.pdf_dict_puts(target, "Resources", resources)
        self._put_first(target, drawn)

    def _put_first(self, target: Any, drawn: bytes) -> None:
        """Put a content stream before those of a page."""
        present = mupdf.pdf_dict_gets(target, "Contents")
        contents = mupdf.pdf_new_array(self._objects.pdf, 2)
        mupdf.pdf_array_push(contents, self._objects.add_stream(drawn))
        if mupdf.pdf_is_array(present):
            for index in range(mupdf.pdf_array_len(present)):
                mupdf.pdf_array_push(contents, mupdf.pdf_array_get(present, index))
        elif present.m_internal:
            mupdf.pdf_array_push(contents, present)
        mupdf.pdf_dict_puts(target, "Contents", contents)

    def finish(self) -> None:
        """Write the font, whose characters are known now."""
        if self._font_object is None:
            return
        font, name = self._font, _FONT_NAME.encode()
        program = font.file()
        file = reference(self._objects.add_stream(program, b"/Length1 %d" % len(program)))
        x0, y0, x1, y1 = font.bounds()
        descriptor = self._objects.add(
            b"<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[%d %d %d %d]/ItalicAngle 0"
            b"/Ascent %d/Descent %d/CapHeight %d/StemV 80/FontFile2 %s>>",
            *(name, x0, y0, x1, y1, y1, y0, y1, file),
        )
        descendant = self._objects.add(
            b"<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/FontDescriptor %s/W[1[%s]]"
            b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
            b"/CIDToGIDMap %s>>",
            *(name, reference(descriptor), b" ".join(b"%d" % width for width in font.widths())),
            reference(self._objects.add_stream(font.glyphs())),
        )
        whole = self._objects.parsed(
            b"<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%s]"
            b"/ToUnicode %s>>",
            *(name, reference(descendant), reference(self._objects.add_stream(font.to_unicode()))),
        )
        mupdf.pdf_update_object(self._objects.pdf, mupdf.pdf_to_num(self._font_object), whole)


def _free_name(fonts: Any) -> str:
    """A name that no font of a page has: the original may be a copy that got text before."""
    name, number = _FONT_NAME, 1
    while mupdf.pdf_dict_gets(fonts, name).m_internal:
        number += 1
        name = f"{_FONT_NAME}{number}"
    return name


def _copied(pdf: Any, dictionary: Any) -> Any:
    """A copy of a dictionary, whose values are not copied; an empty one where there is none."""
    if mupdf.pdf_is_dict(dictionary):
        return mupdf.pdf_copy_dict(dictionary)
    return mupdf.pdf_new_dict(pdf, 4)


def _from_pixels(target: Any, page: PageText) -> Matrix:
    """From pixels of a page as displayed to its user space, which has rotation and crop box."""
    box, shown = mupdf.FzRect(), mupdf.FzMatrix()
    mupdf.pdf_page_obj_transform(target, box, shown)
    bounds_pt = mupdf.fz_transform_rect(box, shown)
    back = mupdf.fz_invert_matrix(shown)
    x = (bounds_pt.x1 - bounds_pt.x0) / page.width_px
    y = (bounds_pt.y1 - bounds_pt.y0) / page.height_px
    left, top = bounds_pt.x0, bounds_pt.y0
    return (
        *(back.a * x, back.b * x, back.c * y, back.d * y),
        back.a * left + back.c * top + back.e,
        back.b * left + back.d * top + back.f,
    )
