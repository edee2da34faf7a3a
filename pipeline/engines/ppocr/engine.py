"""The embedded engine: PP-OCR on ONNX Runtime, from the models inside the RapidOCR wheel.

It needs no GPU and no network. It returns lines with boxes and scores; `pipeline.text.layout`
puts them in reading order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config import OnnxConfig
from pipeline.engines.ppocr import dot_leaders
from pipeline.engines.ppocr.coverage import coverage, unread_lines
from pipeline.engines.ppocr.detector import find_lines
from pipeline.engines.ppocr.dot_leaders import Leader
from pipeline.engines.ppocr.half_width import half_width
from pipeline.engines.ppocr.leader_lines import add_leaders
from pipeline.engines.ppocr.line_angles import angles
from pipeline.engines.ppocr.line_places import place
from pipeline.engines.ppocr.recogniser import MIN_WIDTH_PX, Recogniser
from pipeline.engines.ppocr.split_columns import split
from pipeline.errors import ConfigError, EngineError
from pipeline.imaging.skewed_boxes import straightened
from pipeline.imaging.transform import resize
from pipeline.text.layout.rows import rows
from pipeline.text.letter_stacks import with_words_of_stacks
from pipeline.text.page_skew import page_skew_deg, turned_lines
from pipeline.types import Box, Generation, Line, Pixels, Request

_DETECTOR = "PP-OCRv6_det_small.onnx"
_RECOGNISER = "PP-OCRv6_rec_small.onnx"

_WHITE = 255
_MIN_SIDE_PX = 64
"""Smaller images are padded to this: the detector works on squares of 32 px."""
_GOOD_SIDE_PX = 736
"""Images with a shorter side than this are enlarged, as PP-OCR's own settings do."""


class OnnxEngine:
    """Recognises one page at a time, off the event loop.

    Args:
        config: Threads, size limit and the least score of a line.

    Raises:
        ConfigError: RapidOCR is not installed, or its wheel lacks the models.
    """

    def __init__(self, config: OnnxConfig) -> None:
        self._max_side_px = config.max_side_px
        self._min_score = config.min_score
        self._ocr = load(config, recogniser=False)
        self._recogniser = load_recogniser(config)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="onnx")

    async def generate(self, request: Request) -> Generation:
        """Recognise one page. Boxes are pixels of `request.image`.

        Raises:
            EngineError: ONNX Runtime failed on the page.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, self._read, request.image)

    def _read(self, image: Pixels) -> Generation:
        canvas, scale = _canvas(image, self._max_side_px)
        height_px, width_px = image.shape[:2]
        try:
            found = list(self._recognised(canvas))
            dots = dot_leaders.find(image)  # the detector does not see them
        except Exception as error:  # whatever the model's code raises
            raise EngineError(f"PP-OCR failed on a page: {error}") from error
        on_image = (_on_image(line, scale, width_px, height_px) for line in found)
        deg = page_skew_deg(found)
        lines = _straight([line for line in on_image if line], dots, deg)
        kept = [line for line in lines if line.score >= self._min_score]
        words = tuple(turned_lines(with_words_of_stacks(kept), deg))
        read = [
            line if line.score >= self._min_score else replace(line, text="")
            for line in turned_lines(found, -deg)
        ]
        return Generation(
            lines=words,
            coverage=coverage((line.text, _aspect(line.box)) for line in read),
            unread_lines=unread_lines(read),
        )

    def _recognised(self, canvas: Pixels) -> Iterator[Line]:
        """The lines of an image, those with narrow gutters in them cut."""
        bgr = np.ascontiguousarray(canvas[:, :, ::-1])  # the models' order of colours
        quads = find_lines(self._ocr.text_det, bgr)
        if not len(quads):
            return
        quads = split(canvas, quads)
        crops = self._ocr.crop_text_regions(bgr, quads)
        for quad, deg, crop in zip(quads, angles(quads), crops, strict=True):
            read = self._recogniser.read(crop)
            box, starts = place(canvas, quad, deg, crop, read.breaks)
            yield Line(half_width(read.text.strip()), box, read.score, starts, deg)


def load_recogniser(config: OnnxConfig) -> Recogniser:
    """What reads single lines, loaded.

    Args:
        config: The number of threads is taken from it.

    Raises:
        ConfigError: RapidOCR is not installed, or its wheel lacks the model.
    """
    return Recogniser(_model(_RECOGNISER), config.threads)


def load(config: OnnxConfig, *, recogniser: bool = True) -> Any:
    """A RapidOCR whose models are loaded and have run once.

    Args:
        config: The number of threads is taken from it.
        recogniser: Whether it is to read lines too, not only to find them.

    Raises:
        ConfigError: RapidOCR is not installed, or its wheel lacks a model.
    """
    try:
        import cv2
        import rapidocr
    except ImportError as error:
        raise ConfigError(f"the engine onnx needs the package rapidocr: {error}") from error
    # Each process has one engine; N engines with N pools of OpenCV threads would fight.
    cv2.setNumThreads(config.threads)
    ocr = rapidocr.RapidOCR(params=_parameters(config))
    blank = np.full((_MIN_SIDE_PX, _MIN_SIDE_PX, 3), _WHITE, np.uint8)
    ocr(blank, use_rec=False)
    if recogniser:
        ocr(blank, use_det=False, use_rec=True)
        ocr.update_params(use_det=True)
    return ocr


def _straight(lines: Sequence[Line], dots: Sequence[Leader], deg: float) -> list[Line]:
    """The lines of a page and its leaders, as on the page that is turned back by an angle."""
    if not deg:
        return add_leaders(lines, dots)
    corner = (0.0, 0.0)
    flat = [replace(leader, box=straightened(leader.box, deg, corner)) for leader in dots]
    found = add_leaders(turned_lines(lines, -deg, corner), flat)
    # The detector put them in the order of the rows of a straight page.
    return [line for row in rows(found) for line in row.lines]


def _aspect(box: Box) -> float:
    """The length of a line by its height."""
    shorter, longer = sorted((box[2] - box[0], box[3] - box[1]))
    return longer / max(shorter, 1.0)


def _model(name: str) -> Path:
    """A model's file in RapidOCR's wheel.

    Raises:
        ConfigError: The wheel lacks it.
    """
    import rapidocr

    path = Path(rapidocr.__file__).parent / "models" / name
    if not path.is_file():
        raise ConfigError(f"{name} is missing from the rapidocr wheel; reinstall rapidocr")
    return path


def _parameters(config: OnnxConfig) -> dict[str, Any]:
    """RapidOCR's settings. Explicit model paths keep it from downloading a missing one.

    Raises:
        ConfigError: The wheel lacks a model.
    """
    return {
        "Global.log_level": "critical",
        # The classifier of upside-down lines turns some upright ones.
        "Global.use_cls": False,
        # Sizes are settled by `prepare` and `_canvas`.
        "Global.use_preprocess_img": False,
        "Global.use_vertical_padding": False,
        "Det.model_path": str(_model(_DETECTOR)),
        "Det.limit_type": "max",
        "Det.limit_side_len": 100_000,
        "Rec.model_path": str(_model(_RECOGNISER)),
        # Batches are padded to their widest line, and no line to more than it needs: on a CPU
        # one at a time is a fifth faster, with the same text.
        "Rec.rec_batch_num": 1,
        "Rec.rec_img_shape": [3, 48, MIN_WIDTH_PX],
        "EngineConfig.onnxruntime.intra_op_num_threads": config.threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }


def _canvas(image: Pixels, max_side_px: int) -> tuple[Pixels, float]:
    """The image as the detector needs it, and the scale by which it was enlarged.

    Narrow images are padded on the right and below with white, small ones are enlarged.
    """
    height_px, width_px = image.shape[:2]
    below, right = (max(0, _MIN_SIDE_PX - side) for side in (height_px, width_px))
    if below or right:
        image = np.pad(image, ((0, below), (0, right), (0, 0)), constant_values=_WHITE)
    shorter_px, longer_px = sorted(image.shape[:2])
    scale = max(1.0, min(_GOOD_SIDE_PX / shorter_px, max_side_px / longer_px))
    height_px, width_px = image.shape[:2]
    return resize(image, round(width_px * scale), round(height_px * scale)), scale


def _on_image(line: Line, scale: float, width_px: int, height_px: int) -> Line | None:
    """The line in pixels of the image, None where it has no text or lies outside."""
    x0, y0, x1, y1 = (side / scale for side in line.box)
    box = (max(0.0, x0), max(0.0, y0), min(float(width_px), x1), min(float(height_px), y1))
    if box[0] >= box[2] or box[1] >= box[3] or not line.text:
        return None
    return replace(line, box=box)
