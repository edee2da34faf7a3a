"""Reads pages with the embedded engine, in the process of OCRmyPDF.

The image is OCRmyPDF's own drawing of the page, so it is opened here, not in the sandbox.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from pipeline.config import EngineConfig, LadderConfig, OcrOptions
from pipeline.documents.images.decode import ImageFile
from pipeline.documents.look import LookOptions, PageView, look
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import build_engine
from pipeline.engines.request import prepare_request
from pipeline.imaging.transform import new_pixels
from pipeline.recognition.orientation import OrientationDetector
from pipeline.recognition.recognise import recognise
from pipeline.recognition.result import page_result
from pipeline.types import PageRef, PageResult, Recognition

_ENGINE: Final = "onnx"


class LocalReader:
    """PP-OCR and the search for the upright direction; one page at a time.

    Raises:
        ConfigError: The engine's package is not installed.
    """

    def __init__(self) -> None:
        self._options = OcrOptions(
            output="unused",
            text_layer="never",  # the page is an image
            structure="plain",  # its lines are wanted, no Markdown
            engine=EngineConfig(kind=_ENGINE),
            ladder=LadderConfig(enabled=False),
        )
        self._recipe = make_recipe(self._options, _ENGINE)
        self._engine = build_engine(self._options.engine)
        self._detector = OrientationDetector()

    def read(self, path: str) -> PageResult:
        """Read the image of a page.

        Raises:
            DocumentError: It cannot be opened.
            PageError: It cannot be decoded.
        """
        view = self._view(path)
        ref = PageRef(path, "", 1, 1, "", 0, 0)
        return page_result(ref, view, self._recognition(view))

    def _view(self, path: str) -> PageView:
        file = ImageFile(path, self._options.render.max_image_pixels, max_pages=1)
        try:
            wanted = LookOptions("never", blank_ppm=self._recipe.route.blank_ppm)
            view = look(file, 1, self._recipe.render, new_pixels, wanted)
        finally:
            file.close()
        if view.image is None or not view.may_need_turn:
            return view
        deg = self._detector.turn(view.image.pixels)
        return replace(view, image=replace(view.image, turned_deg=deg), turned_deg=deg)

    def _recognition(self, view: PageView) -> Recognition:
        if view.settled is not None:
            return view.settled
        assert view.image is not None  # noqa: S101 - a view is settled or has an image
        request = prepare_request(view.image, self._recipe)
        return asyncio.run(recognise(self._engine, request, self._recipe))
