"""An open PDF: its pages, text layers and embedded files, with PyMuPDF.

Runs in the worker process of `pipeline.documents.sandbox`, which can be killed; nothing here limits
time or memory.

Files are opened with `pdf_open_document`, not `fz_open_document`: the latter detects the format by
content, and would lay out an HTML file that is named `.pdf`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import pymupdf
from pymupdf import mupdf

from pipeline.config import RenderConfig
from pipeline.documents.pdf import (
    damage,
    drawing,
    embedded_files,
    mupdf_log,
    painted,
    repair,
    text_layer,
)
from pipeline.documents.pdf.error_kinds import attachment_errors, page_errors
from pipeline.documents.pdf.glyphs import GlyphCheck
from pipeline.documents.pdf.inflation import InflationLimit
from pipeline.errors import DocumentError, ErrorKind, PageError
from pipeline.imaging.ink import ink_ppm
from pipeline.imaging.transform import Allocator, new_pixels
from pipeline.text.text_layer import TextLayer
from pipeline.types import PageImage, Pixels

MEDIA_TYPE: Final = "application/pdf"
_NAMES: Final = 20
_NEARLY_BLANK_PPM: Final = 5000
"""A page with warnings and up to this much ink is checked for damage, parts per million."""
_RECOVERED: Final = "read from what could be recovered of a damaged file"
"""The warning of each page of such a file. With it an empty page is rendered and looked at."""
_BROKEN_OFF: Final = re.compile(r"premature end|read error|unknown filter|Length incorrect")


class PdfFile:
    """An open PDF.

    Attributes:
        media_type: Its media type.
        warnings: MuPDF's warnings while it opened the file, and what its pages do not show.
        is_reusable: True: further pages are read without opening it again.
        language: The language that it states for all of its text (`/Lang`), "" for none.

    Args:
        path: The file.
        password: Or several, that are tried in turn.
        max_pages: Maximum pages that it may declare.
        max_inflated_mib: Maximum MiB to which a page may decode, None for no limit.

    Raises:
        DocumentError: UNREADABLE, PASSWORD, or LIMIT for more than `max_pages`.
        MemoryError: MuPDF ran out of memory.
    """

    media_type = MEDIA_TYPE
    is_reusable = True

    def __init__(
        self,
        path: str,
        password: str | Sequence[str],
        max_pages: int,
        max_inflated_mib: int | None = None,
    ) -> None:
        self._files: list[embedded_files.EmbeddedFile] | None = None
        self._recovery: tuple[str, ...] = ()
        mupdf_log.take()
        passwords = [password] if isinstance(password, str) else password
        try:
            self._open(path, passwords, max_pages)
        except mupdf.FzErrorBase as error:
            mupdf_log.check_memory(str(error))
            if not self._open_rewritten(path, passwords, max_pages):
                raise DocumentError(
                    ErrorKind.UNREADABLE, f"no readable PDF: {mupdf_log.message(error)}"
                ) from None
        else:
            if not self._page_count:
                self._open_rewritten(path, passwords, max_pages)
        self._inflation = max_inflated_mib and InflationLimit(self._pdf, max_inflated_mib)
        self._glyphs = GlyphCheck(self._pdf)
        self.warnings = (*self._rewriting(), *self._hidden_content(), *mupdf_log.take())
        self.language = self._stated_language()

    def _open(self, path: str, passwords: Sequence[str], max_pages: int) -> None:
        with _utf8_name(path) as name:
            self._pdf = mupdf.pdf_open_document(name)
        self._unlock(passwords)
        self._page_count = _count_pages(self._pdf, max_pages)

    def _open_rewritten(self, path: str, passwords: Sequence[str], max_pages: int) -> bool:
        """Open the copy that qpdf makes of the file instead; whether it has pages."""
        content = repair.rewritten(path, passwords)
        if content is None:
            return False
        buffer = mupdf.fz_new_buffer_from_copied_data(content)
        try:
            pdf = mupdf.pdf_open_document_with_stream(mupdf.fz_open_buffer(buffer))
            page_count = _count_pages(pdf, max_pages)
        except mupdf.FzErrorBase as error:
            mupdf_log.check_memory(str(error))
            return False
        if page_count:
            mupdf_log.take()  # what was said of the file as it was: that it is damaged is said once
            self._pdf, self._page_count, self._recovery = pdf, page_count, (_RECOVERED,)
        return page_count > 0

    def _rewriting(self) -> Iterator[str]:
        if self._recovery:
            pages = "1 page" if self._page_count == 1 else f"{self._page_count} pages"
            yield f"{pages} of the damaged file could be recovered, more may be lost"

    def _hidden_content(self) -> Iterator[str]:
        """Messages about content that is not on the pages: XFA forms, embedded files."""
        try:
            root = mupdf.pdf_dict_gets(mupdf.pdf_trailer(self._pdf), "Root")
            if mupdf.pdf_dict_getp(root, "AcroForm/XFA").m_internal:
                yield "an XFA form: only its static PDF pages are rendered"
            names = embedded_files.listed_names(self._pdf)
            if count := len(names):
                some = ", ".join(names[:_NAMES])
                yield f"{count} embedded {'file' if count == 1 else 'files'}: {some}"
        except mupdf.FzErrorBase as error:
            mupdf_log.check_memory(str(error))

    def _stated_language(self) -> str:
        try:
            root = mupdf.pdf_dict_gets(mupdf.pdf_trailer(self._pdf), "Root")
            return str(mupdf.pdf_to_text_string(mupdf.pdf_dict_gets(root, "Lang")))
        except mupdf.FzErrorBase as error:
            mupdf_log.check_memory(str(error))
            return ""

    def _unlock(self, passwords: Sequence[str]) -> None:
        # A PDF with an owner password only needs no password to read: it restricts editing and
        # printing.
        if not mupdf.pdf_needs_password(self._pdf):
            return
        given = [password for password in passwords if password]
        if not any(mupdf.pdf_authenticate_password(self._pdf, password) for password in given):
            said = "no password was given"
            if given:
                several = f"none of {len(given)} passwords opens it"
                said = "the password does not open it" if len(given) == 1 else several
            raise DocumentError(ErrorKind.PASSWORD, f"encrypted: {said}")

    def sizes_pt(self) -> list[tuple[float, float]]:
        """Width and height of every page as displayed; (0, 0) for a damaged page.

        Takes about 10 µs a page: only page dictionaries are read.

        Raises:
            DocumentError: NO_PAGES. Such a PDF may still have embedded files.
        """
        self._check_has_pages()
        return [self._size_pt(index) for index in range(self._page_count)]

    def _size_pt(self, index: int) -> tuple[float, float]:
        box, transform = mupdf.FzRect(), mupdf.FzMatrix()
        try:
            page = mupdf.pdf_lookup_page_obj(self._pdf, index)
            mupdf.pdf_page_obj_transform(page, box, transform)
            shown = mupdf.fz_transform_rect(box, transform)
        except mupdf.FzErrorBase:
            return 0.0, 0.0
        size = (shown.x1 - shown.x0, shown.y1 - shown.y0)
        return size if all(math.isfinite(side) and side > 0 for side in size) else (0.0, 0.0)

    def render(
        self, page: int, render: RenderConfig, allocate: Allocator = new_pixels
    ) -> PageImage:
        """Render a page with rotation and crop box applied, annotations and forms included.

        Args:
            page: 1-based number.
            render: Resolution and the limit of pixels. A page over the limit is rendered at a
                lower resolution, with a warning.
            allocate: Allocates the pixels; MuPDF renders directly into them.

        Raises:
            PageError: RENDER, the page cannot be rendered.
            DocumentError: NO_PAGES.
            MemoryError: MuPDF ran out of memory.
        """
        with page_errors("draw"):
            return self._draw(page, render, allocate)

    def layer(self, page: int, render: RenderConfig) -> TextLayer:
        """The text layer of a page and statistics of what it draws, without rendering it.

        Args:
            page: 1-based number.
            render: As for `render`: boxes are in pixels of the image that it would return.

        Raises:
            PageError: RENDER, the page's content cannot be read.
            DocumentError: NO_PAGES.
            MemoryError: MuPDF ran out of memory.
        """
        with page_errors("read"):
            loaded, repairs = self._load(page)
            scale = drawing.scale(mupdf.fz_bound_page(loaded), render)
            page_object = self._page_object(page)
            found = text_layer.read(loaded, *scale, self._glyphs.doubtful(page_object))
            warnings = (*repairs, *mupdf_log.take())
            mupdf_log.check_memory(*warnings)
            lost = damage.lost_content(page_object)
            said = (*warnings, *filter(None, (lost,)), *found.warnings)
            return replace(found, warnings=said)

    def attachments(self) -> list[str]:
        """The unique names of its embedded files.

        Raises:
            DocumentError: UNREADABLE, they cannot be listed.
            MemoryError: MuPDF ran out of memory.
        """
        with attachment_errors("listed"):
            return [file.name for file in self._embedded_files()]

    def extract(self, name: str, target: str, max_bytes: int) -> tuple[str, ...]:
        """Write the embedded file of this name to `target`.

        Returns:
            MuPDF's warnings.

        Raises:
            DocumentError: NOT_FOUND, UNREADABLE, or LIMIT for more than `max_bytes`.
            MemoryError: MuPDF ran out of memory.
            OSError: The target cannot be written.
        """
        with attachment_errors("read"):
            file = next((file for file in self._embedded_files() if file.name == name), None)
            if file is None:
                raise DocumentError(ErrorKind.NOT_FOUND, "the PDF has no attachment of this name")
            mupdf_log.take()
            embedded_files.extract(file, target, max_bytes)
        warnings = mupdf_log.take()
        mupdf_log.check_memory(*warnings)
        # MuPDF only warns about a truncated stream: an embedded PDF could lose pages unnoticed.
        for broken in filter(_BROKEN_OFF.search, warnings):
            raise DocumentError(ErrorKind.UNREADABLE, f"the attachment is damaged: {broken}")
        return warnings

    def _embedded_files(self) -> list[embedded_files.EmbeddedFile]:
        if self._files is None:
            self._files = embedded_files.embedded_files(self._pdf, self._page_count)
        return self._files

    def _check_has_pages(self) -> None:
        if not self._page_count:
            raise DocumentError(ErrorKind.NO_PAGES, "the PDF has no pages that can be found")

    def _load(self, number: int) -> tuple[Any, tuple[str, ...]]:
        """MuPDF's page, and the warnings of a repair before it or by finding it."""
        self._check_has_pages()
        if not 1 <= number <= self._page_count:
            raise PageError(ErrorKind.RENDER, f"there is no page {number} of {self._page_count}")
        page = self._page_object(number)
        repairs = (*self._recovery, *mupdf_log.take())
        if self._inflation:
            self._inflation.check(page)
            mupdf_log.take()  # what is damaged is reported where it is used
        return mupdf.fz_load_page(self._pdf.super(), number - 1), repairs

    def _draw(self, number: int, render: RenderConfig, allocate: Allocator) -> PageImage:
        page, repairs = self._load(number)
        dpi, frame = drawing.scale(mupdf.fz_bound_page(page), render)
        pixels = allocate(frame.y1 - frame.y0, frame.x1 - frame.x0)
        drawing.draw(page, dpi / drawing.POINTS_PER_INCH, frame, pixels)
        warnings = (*repairs, *mupdf_log.take())
        # MuPDF omits content for which it has no memory: the page would be incomplete.
        mupdf_log.check_memory(*warnings)
        reason = self._blank_suspect_reason(page, number, pixels, warnings, render)
        if dpi < render.dpi:
            limit = f"{render.dpi} dpi would pass render.max_pixels ({render.max_pixels})"
            warnings = (f"rendered at {dpi:.3g} dpi: {limit}", *warnings)
        return PageImage(pixels, dpi, warnings, blank_suspect_reason=reason)

    def _blank_suspect_reason(
        self,
        loaded: Any,
        number: int,
        pixels: Pixels,
        warnings: tuple[str, ...],
        render: RenderConfig,
    ) -> str:
        """Why the page may not be blank though it looks so, "" for no reason."""
        page = self._page_object(number)
        if self._recovery:
            return "its content is not in what could be recovered of the damaged file"
        if not warnings or ink_ppm(pixels) > _NEARLY_BLANK_PPM:
            return damage.lost_content(page)
        lost = damage.damage(self._pdf, page, warnings, render.max_image_pixels)
        misread = damage.misread(warnings)
        return lost or (misread if misread and painted.paints_nothing(loaded) else "")

    def _page_object(self, number: int) -> Any:
        return mupdf.pdf_lookup_page_obj(self._pdf, number - 1)

    def close(self) -> None:
        """Close the file and empty MuPDF's cache."""
        self._pdf = self._files = self._inflation = None
        self._glyphs.close()
        pymupdf.TOOLS.store_shrink(100)


def _count_pages(pdf: Any, max_pages: int) -> int:
    page_count = mupdf.pdf_count_pages(pdf) or _count_repaired_pages(pdf)
    if page_count > max_pages:
        message = f"claims {page_count} pages, over read.max_pages ({max_pages})"
        raise DocumentError(ErrorKind.LIMIT, message)
    return max(0, int(page_count))


def _count_repaired_pages(pdf: Any) -> Any:
    """Count again after a repair, for which MuPDF scans the whole file for objects.

    It repairs by itself where the cross-reference table is unreadable, but not where it is
    readable and points nowhere.
    """
    try:
        mupdf.pdf_repair_xref(pdf)
    except mupdf.FzErrorBase:
        return 0  # repaired before, or no objects found
    return mupdf.pdf_count_pages(pdf)


@contextmanager
def _utf8_name(path: str) -> Iterator[str]:
    """A UTF-8 path of the file, which MuPDF needs; file names may be any bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        with open(path, "rb") as file:
            yield f"/dev/fd/{file.fileno()}"
    else:
        yield path
