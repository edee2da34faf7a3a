"""PDF pages as pictures: with `pdf_layer` and `pdf_attachments`, the only user of PyMuPDF.

This runs in the reader's child process (`pipeline.documents.sandbox`), where a page that spins,
crashes or takes too much memory can be killed. Nothing here limits time or memory.

PDFs are opened with MuPDF's PDF reader by name: its general door guesses the format from the
content, and would lay out an HTML file that is called `.pdf`.
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
from pipeline.documents.pdf import damage, embedded_files, mupdf_log, text_layer
from pipeline.errors import DocumentError, ErrorKind, PageError
from pipeline.imaging.ink import ink_ppm
from pipeline.imaging.transform import Canvas, new_canvas
from pipeline.text.text_layer import TextLayer
from pipeline.types import PageImage, Pixels

MEDIA_TYPE: Final = "application/pdf"
MAX_SIDE_PX: Final = 65_500
"""Longest side of a drawn page: what JPEG can hold, near enough, and far from C's limits."""

_POINTS_PER_INCH: Final = 72
_NAMES: Final = 20
_NEARLY_BLANK_PPM: Final = 5000
"""Ink of a page that is looked at more closely where MuPDF complained, parts per million."""
_BROKEN_OFF: Final = re.compile(r"premature end|read error|unknown filter|Length incorrect")


class PdfFile:
    """An open PDF.

    Attributes:
        media_type: What the file is.
        warnings: What MuPDF complained about while it opened the file.
        is_reusable: Further pages may be asked for without opening it again.

    Raises:
        DocumentError: UNREADABLE, PASSWORD, or LIMIT for more than `max_pages`.
        MemoryError: MuPDF ran out of memory.
    """

    media_type = MEDIA_TYPE
    is_reusable = True

    def __init__(self, path: str, password: str | Sequence[str], max_pages: int) -> None:
        self._files: list[embedded_files.EmbeddedFile] | None = None
        mupdf_log.take()
        try:
            with _utf8_name(path) as name:
                self._pdf = mupdf.pdf_open_document(name)
            self._unlock([password] if isinstance(password, str) else password)
            self._page_count = self._count_pages(max_pages)
        except mupdf.FzErrorBase as error:
            mupdf_log.check_memory(str(error))
            raise DocumentError(
                ErrorKind.UNREADABLE, f"no readable PDF: {mupdf_log.say(error)}"
            ) from None
        self.warnings = (*self._peculiarities(), *mupdf_log.take())

    def _peculiarities(self) -> Iterator[str]:
        """What the pages do not show."""
        try:
            root = mupdf.pdf_dict_gets(mupdf.pdf_trailer(self._pdf), "Root")
            if mupdf.pdf_dict_getp(root, "AcroForm/XFA").m_internal:
                yield "an XFA form, of which only what stands on its PDF pages is drawn"
            names = embedded_files.listed_names(self._pdf)
            if count := len(names):
                some = ", ".join(names[:_NAMES])
                yield f"{count} embedded {'file' if count == 1 else 'files'}: {some}"
        except mupdf.FzErrorBase as error:
            mupdf_log.check_memory(str(error))

    def _unlock(self, passwords: Sequence[str]) -> None:
        # An encryption with an owner's password only opens by itself: it limits what may be
        # done with the file, not who may see it.
        if not mupdf.pdf_needs_password(self._pdf):
            return
        given = [password for password in passwords if password]
        if not any(mupdf.pdf_authenticate_password(self._pdf, password) for password in given):
            said = "no password was given"
            if given:
                several = f"none of {len(given)} passwords opens it"
                said = "the password does not open it" if len(given) == 1 else several
            raise DocumentError(ErrorKind.PASSWORD, f"encrypted: {said}")

    def _count_pages(self, max_pages: int) -> int:
        page_count = mupdf.pdf_count_pages(self._pdf) or self._count_repaired_pages()
        if page_count > max_pages:
            message = f"claims {page_count} pages, over read.max_pages ({max_pages})"
            raise DocumentError(ErrorKind.LIMIT, message)
        return max(0, int(page_count))

    def _count_repaired_pages(self) -> Any:
        """Look again after MuPDF has searched the whole file for objects.

        It does so by itself where the list of objects is unreadable, but not where the list
        reads well and leads nowhere.
        """
        try:
            mupdf.pdf_repair_xref(self._pdf)
        except mupdf.FzErrorBase:
            return 0  # searched already, or nothing found
        return mupdf.pdf_count_pages(self._pdf)

    def sizes_pt(self) -> list[tuple[float, float]]:
        """Width and height of every page as displayed; (0, 0) for a page that is broken.

        Takes about 10 microseconds a page: only the page's dictionary is read.

        Raises:
            DocumentError: NO_PAGES. Such a PDF may still carry files.
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

    def render(self, page: int, render: RenderConfig, canvas: Canvas = new_canvas) -> PageImage:
        """Draw a page with its rotation and crop box applied, annotations and forms included.

        Args:
            page: 1-based number.
            render: Resolution and the limit of pixels. A page over the limit is drawn smaller
                and says so in its warnings.
            canvas: Where the pixels go. MuPDF draws straight into this memory.

        Raises:
            PageError: RENDER, the page cannot be drawn.
            DocumentError: NO_PAGES.
            MemoryError: MuPDF ran out of memory.
        """
        with _page_errors("draw"):
            return self._draw(page, render, canvas)

    def layer(self, page: int, render: RenderConfig) -> TextLayer:
        """The text layer of a page and what it draws, without drawing it.

        Args:
            page: 1-based number.
            render: As `render`, for the pixels that boxes are given in.

        Raises:
            PageError: RENDER, the page's content cannot be read.
            DocumentError: NO_PAGES.
            MemoryError: MuPDF ran out of memory.
        """
        with _page_errors("read"):
            loaded = self._load(page)
            found = text_layer.read(loaded, *_scale(mupdf.fz_bound_page(loaded), render))
            warnings = mupdf_log.take()
            mupdf_log.check_memory(*warnings)
            lost = damage.lost_content(self._page_object(page))
            return replace(found, warnings=(*warnings, *filter(None, [lost])))

    def attachments(self) -> list[str]:
        """The names of the files that it carries, no two alike.

        Raises:
            DocumentError: UNREADABLE, they cannot be listed.
            MemoryError: MuPDF ran out of memory.
        """
        with _attachment_errors("listed"):
            return [file.name for file in self._embedded_files()]

    def extract(self, name: str, target: str, max_bytes: int) -> tuple[str, ...]:
        """Write the file that it carries under a name to `target`.

        Returns:
            What MuPDF complained about without failing.

        Raises:
            DocumentError: NOT_FOUND, UNREADABLE, or LIMIT for more than `max_bytes`.
            MemoryError: MuPDF ran out of memory.
            OSError: The target cannot be written.
        """
        with _attachment_errors("read"):
            file = next((file for file in self._embedded_files() if file.name == name), None)
            if file is None:
                raise DocumentError(ErrorKind.NOT_FOUND, "the PDF has no attachment of this name")
            mupdf_log.take()
            embedded_files.extract(file, target, max_bytes)
        warnings = mupdf_log.take()
        mupdf_log.check_memory(*warnings)
        # To MuPDF such a file is whole: a PDF without its end could lose pages and tell nobody.
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

    def _load(self, number: int) -> Any:
        self._check_has_pages()
        if not 1 <= number <= self._page_count:
            raise PageError(ErrorKind.RENDER, f"there is no page {number} of {self._page_count}")
        return mupdf.fz_load_page(self._pdf.super(), number - 1)

    def _draw(self, number: int, render: RenderConfig, canvas: Canvas) -> PageImage:
        page = self._load(number)
        dpi, frame = _scale(mupdf.fz_bound_page(page), render)
        pixels = canvas(frame.y1 - frame.y0, frame.x1 - frame.x0)
        _run(page, dpi / _POINTS_PER_INCH, frame, pixels)
        warnings = mupdf_log.take()
        # MuPDF leaves out what it has no memory for and goes on: the page would look whole.
        mupdf_log.check_memory(*warnings)
        doubt = self._doubt(number, pixels, warnings, render)
        if dpi < render.dpi:
            limit = f"{render.dpi} dpi would pass render.max_pixels ({render.max_pixels})"
            warnings = (f"drawn at {dpi:.3g} dpi: {limit}", *warnings)
        return PageImage(pixels, dpi, warnings, doubt=doubt)

    def _doubt(
        self, number: int, pixels: Pixels, warnings: tuple[str, ...], render: RenderConfig
    ) -> str:
        """Why a page that looks empty may not be, "" where nothing says so."""
        page = self._page_object(number)
        if not warnings or ink_ppm(pixels) > _NEARLY_BLANK_PPM:
            return damage.lost_content(page)
        return damage.damage(self._pdf, page, warnings, render.max_image_pixels)

    def _page_object(self, number: int) -> Any:
        return mupdf.pdf_lookup_page_obj(self._pdf, number - 1)

    def close(self) -> None:
        """Let go of the file and of what MuPDF remembers of it."""
        self._pdf = self._files = None
        pymupdf.TOOLS.store_shrink(100)


@contextmanager
def _utf8_name(path: str) -> Iterator[str]:
    """A name for the file that MuPDF takes: it wants UTF-8, the system any bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        with open(path, "rb") as file:
            yield f"/dev/fd/{file.fileno()}"
    else:
        yield path


@contextmanager
def _page_errors(doing: str) -> Iterator[None]:
    """Start with no complaints, and turn MuPDF's errors into ours."""
    mupdf_log.take()
    try:
        yield
    except mupdf.FzErrorBase as error:
        mupdf_log.check_memory(str(error))
        raise PageError(
            ErrorKind.RENDER, f"MuPDF cannot {doing} it: {mupdf_log.say(error)}"
        ) from None


@contextmanager
def _attachment_errors(doing: str) -> Iterator[None]:
    """Turn MuPDF's errors about embedded files into ours."""
    mupdf_log.take()
    try:
        yield
    except mupdf.FzErrorBase as error:
        mupdf_log.check_memory(str(error))
        message = f"the PDF's attachments cannot be {doing}: {mupdf_log.say(error)}"
        raise DocumentError(ErrorKind.UNREADABLE, message) from None


def _scale(box: Any, render: RenderConfig) -> tuple[float, Any]:
    """The resolution to draw with and the page's rectangle in pixels."""
    sides = (box.x1 - box.x0, box.y1 - box.y0)
    if not all(math.isfinite(side) and side > 0 for side in sides):
        raise PageError(ErrorKind.RENDER, f"the page measures {sides[0]:g} x {sides[1]:g} pt")
    wanted = [max(1.0, side * render.dpi / _POINTS_PER_INCH) for side in sides]
    room = math.sqrt(render.max_pixels / (wanted[0] * wanted[1]))
    dpi = render.dpi * min(1.0, room, MAX_SIDE_PX / max(wanted))
    frame = _frame(box, dpi)
    while (frame.x1 - frame.x0) * (frame.y1 - frame.y0) > render.max_pixels:
        dpi *= 0.999  # sides are rounded up to whole pixels
        frame = _frame(box, dpi)
    if frame.x1 <= frame.x0 or frame.y1 <= frame.y0:
        message = f"{sides[0]:g} x {sides[1]:g} pt are too thin to draw at {dpi:.3g} dpi"
        raise PageError(ErrorKind.RENDER, message)
    return dpi, frame


def _frame(box: Any, dpi: float) -> Any:
    zoom = dpi / _POINTS_PER_INCH
    return mupdf.fz_round_rect(mupdf.fz_transform_rect(box, mupdf.fz_scale(zoom, zoom)))


def _run(page: Any, zoom: float, frame: Any, pixels: Any) -> None:
    """Draw on white. `Page.get_pixmap` would do the same into memory of its own."""
    rgb = mupdf.FzColorspace(mupdf.FzColorspace.Fixed_RGB)
    memory = mupdf.python_mutable_buffer_data(memoryview(pixels).cast("B"))
    no_spots, no_alpha = mupdf.FzSeparations(), 0
    pixmap = mupdf.fz_new_pixmap_with_bbox_and_data(rgb, frame, no_spots, no_alpha, memory)
    mupdf.fz_clear_pixmap_with_value(pixmap, 0xFF)
    device = mupdf.fz_new_draw_device(mupdf.fz_scale(zoom, zoom), pixmap)
    mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
