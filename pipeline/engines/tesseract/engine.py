"""Tesseract in this process, through `tesserocr`, whose wheels contain it.

It finds lines and reads them; `pipeline.text.layout` puts them in reading order. Each page is read
with the languages of its script; which that is says the page's text layer, or Tesseract's own
detector of scripts where its data (`osd`) are installed.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from PIL import Image

from pipeline.config import TesseractConfig
from pipeline.engines.tesseract.languages import OSD, data_dir, scripts_of, settled, suitable
from pipeline.engines.tesseract.tsv import lines
from pipeline.errors import EngineError
from pipeline.types import Generation, Line, Pixels, Request

_MAX_MODELS: Final = 4
"""Sets of languages that are kept loaded."""
_MIN_SCRIPT_CONFIDENCE: Final = 0.5
"""Confidence of the detector of scripts, above 0 without limit, from which it is followed: .8 and
more on pages in nine scripts, all of them named rightly."""


class TesseractEngine:
    """Recognises one page at a time, off the event loop.

    Args:
        config: Languages and limits.

    Raises:
        ConfigError: tesserocr or a language is missing.
    """

    def __init__(self, config: TesseractConfig) -> None:
        self._config = settled(config)
        self._folder = str(data_dir(config))
        # Four threads a page by default: slower on a busy machine, and not what is reserved.
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        self._models: OrderedDict[tuple[str, ...], Any] = OrderedDict()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="tesseract")
        self._osd = self._detector()

    async def generate(self, request: Request) -> Generation:
        """Recognise one page. Boxes are pixels of `request.image`.

        Raises:
            EngineError: Tesseract failed on the page.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, self._read, request)

    def _read(self, request: Request) -> Generation:
        try:
            script = request.script_hint.script if request.script_hint else None
            script = script or self._script(request.image)
            languages = suitable(self._config.languages, script)
            found = self._lines(self._model(languages), request.image)
        except RuntimeError as error:  # what tesserocr raises
            raise EngineError(f"Tesseract failed on a page: {error}") from error
        is_read = script is None or _reads(languages, script)
        return Generation(lines=found, coverage=None if is_read else 0.0)

    def _detector(self) -> Any:
        """The detector of scripts, None where its data are not installed."""
        import tesserocr

        if not os.path.isfile(os.path.join(self._folder, f"{OSD}.traineddata")):
            return None
        return tesserocr.PyTessBaseAPI(path=self._folder, lang=OSD, psm=tesserocr.PSM.OSD_ONLY)

    def _script(self, image: Pixels) -> str | None:
        """The script of most of a page, None where it is not clear."""
        if self._osd is None:
            return None
        self._osd.SetImage(Image.fromarray(image))
        found = self._osd.DetectOrientationScript()
        if not found or found["script_conf"] < _MIN_SCRIPT_CONFIDENCE:
            return None
        return str(found["script_name"])

    def _model(self, languages: tuple[str, ...]) -> Any:
        import tesserocr

        if languages not in self._models:
            self._models[languages] = tesserocr.PyTessBaseAPI(
                path=self._folder, lang="+".join(languages), psm=tesserocr.PSM.AUTO
            )
        self._models.move_to_end(languages)
        while len(self._models) > _MAX_MODELS:
            self._models.popitem(last=False)[1].End()
        return self._models[languages]

    def _lines(self, model: Any, image: Pixels) -> tuple[Line, ...]:
        model.SetImage(Image.fromarray(image))
        model.Recognize()
        return tuple(
            line for line in lines(model.GetTSVText(0)) if line.score >= self._config.min_score
        )


def _reads(languages: tuple[str, ...], script: str) -> bool:
    return any(set(scripts_of(script)) & set(scripts_of(name)) for name in languages)
