"""The engine that OCRmyPDF calls, page by page, from several threads or processes."""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from ocrmypdf.exceptions import BadArgsError, SubprocessOutputError
from ocrmypdf.pluginspec import OcrEngine, OrientationConfidence

from pipeline import __version__
from pipeline.config import ExportOptions
from pipeline.errors import RayscribeError
from pipeline.ocrmypdf_plugin.elements import page_element, page_text, scaled
from pipeline.ocrmypdf_plugin.page_image import PageFile, page_file
from pipeline.ocrmypdf_plugin.service import ServiceReader
from pipeline.output.export import hocr
from pipeline.output.export.source import DocumentSource, failure_message
from pipeline.types import PageResult

_log = logging.getLogger(__name__)
_own = threading.local()
_SURE: Final = 15.0
"""OCRmyPDF turns pages from a confidence of 14 on, unless it is told otherwise."""


class RayscribeEngine(OcrEngine):  # type: ignore[misc] # OCRmyPDF is an extra, without types here
    """PP-OCR in this process, or any engine of a service."""

    @staticmethod
    def version() -> str:
        """The version of this package."""
        return __version__

    @staticmethod
    def creator_tag(options: Any) -> str:
        """What the metadata of the PDF say about its text."""
        return f"Rayscribe {__version__}"

    def __str__(self) -> str:
        """For messages."""
        return f"Rayscribe {__version__}"

    @staticmethod
    def languages(options: Any) -> set[str]:
        """Empty: the engine takes no languages, so all of them are accepted."""
        return set()

    @staticmethod
    def get_orientation(input_file: Path, options: Any) -> OrientationConfidence:
        """How the page lies, for `--rotate-pages`.

        OCRmyPDF 17 turns a page counter-clockwise by the angle, whatever its documentation says.
        """
        turned_deg = _read(page_file(input_file), options).turned_deg
        return OrientationConfidence(angle=-turned_deg % 360, confidence=_SURE)

    @staticmethod
    def supports_generate_ocr() -> bool:
        """Pages are given as trees of elements."""
        return True

    @staticmethod
    def generate_ocr(input_file: Path, options: Any, page_number: int = 0) -> tuple[Any, str]:
        """Read a page.

        Returns:
            The page with its paragraphs, lines and words, and its plain text.

        Raises:
            SubprocessOutputError: It cannot be read.
        """
        file = page_file(input_file)
        page = _read(file, options)
        return page_element(page, file.dpi, page_number), page_text(page)

    @staticmethod
    def generate_hocr(input_file: Path, output_hocr: Path, output_text: Path, options: Any) -> None:
        """Read a page, and write it as hOCR and as text.

        Raises:
            SubprocessOutputError: It cannot be read.
        """
        page = _read(page_file(input_file), options)
        source = DocumentSource([page], ExportOptions(to="unused"))
        output_hocr.write_text("".join(hocr.write(source)), encoding="utf-8")
        output_text.write_text(page_text(page), encoding="utf-8")

    @staticmethod
    def generate_pdf(input_file: Path, output_pdf: Path, output_text: Path, options: Any) -> None:
        """Not done: OCRmyPDF sets the text itself.

        Raises:
            BadArgsError: Always.
        """
        raise BadArgsError("--pdf-renderer sandwich needs Tesseract; leave it out with rayscribe")


def _read(file: PageFile, options: Any) -> PageResult:
    """A page, with sizes and boxes in pixels of the file.

    Raises:
        SubprocessOutputError: It cannot be read.
    """
    settings = options.rayscribe
    try:
        page = _reader(settings.url, settings.timeout).read(str(file.path))
    except RayscribeError as error:
        raise SubprocessOutputError(f"Rayscribe: {error}") from error
    if message := failure_message(page):
        raise SubprocessOutputError(f"Rayscribe: {message}")
    for warning in page.warnings:
        _log.warning("%s", warning)
    return scaled(page, file.width_px, file.height_px)


def _reader(url: str, timeout_s: float) -> Any:
    if url:
        return _service(url, timeout_s)
    # One for each thread: OCRmyPDF reads as many pages at a time as it has threads.
    if not hasattr(_own, "reader"):
        from pipeline.ocrmypdf_plugin.local_reader import LocalReader

        _own.reader = LocalReader()
    return _own.reader


@lru_cache(4)
def _service(url: str, timeout_s: float) -> ServiceReader:
    return ServiceReader(url, timeout_s)
