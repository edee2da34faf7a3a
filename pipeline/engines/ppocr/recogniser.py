"""Reads the lines of a page, one by one: crops, network, characters.

The network is PP-OCR's recogniser without its softmax (`onnx_graph`). It takes lines 48 px high and
gives a class for every 8 px of their width (CTC: Graves et al. 2006), and its work grows with that
width. Lines go in one at a time: batches are padded to their widest line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.engines.ppocr.amounts import impossible, is_mended
from pipeline.engines.ppocr.onnx_graph import without_softmax
from pipeline.errors import ConfigError
from pipeline.types import Pixels

_HEIGHT_PX: Final = 48
"""Height of the network's input."""
MIN_WIDTH_PX: Final = 96
"""Narrower lines are padded to this width, with grey."""
_BLANK: Final = 0
"""The class of no character."""


class Recogniser:
    """PP-OCR's recogniser on ONNX Runtime.

    Args:
        model: The model's file. It has the characters of its classes with it.
        threads: CPU threads.

    Raises:
        ConfigError: The file is no model of this kind.
    """

    def __init__(self, model: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it keeps what the longest line took
        try:
            logits = without_softmax(model.read_bytes())
        except ValueError as error:
            raise ConfigError(f"{model}: {error}; install another release of rapidocr") from error
        self._session = onnxruntime.InferenceSession(
            logits, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        listed = self._session.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._characters = ("", *listed, " ")

    def read(self, line: Pixels) -> Reading:
        """Read one line.

        Args:
            line: Its pixels as BGR, (height, width, 3).
        """
        first = self._read(line)
        if impossible(first.text):
            again = self._read(line, cubic=True)
            return again if is_mended(first.text, again.text) else first
        return first

    def _read(self, line: Pixels, *, cubic: bool = False) -> Reading:
        image = network_input(line, cubic=cubic)
        (logits,) = self._session.run(None, {self._input: image})
        classes, steps, score = best_path(logits[0])
        # What is right of a narrow line is padding.
        share = image.shape[3] / _width(line) / len(logits[0])
        characters = [self._characters[index] for index in classes]
        places = [(step + 0.5) * share for step in steps]
        return Reading("".join(characters), score, breaks(characters, places))


class Reading(NamedTuple):
    """What was read in a line.

    Attributes:
        text: Its text.
        score: The mean probability of its characters, 0 where it has none.
        breaks: Where about its words part: for each word but the first the middle between its
            first character and the one before, as a share of the line's length.
    """

    text: str
    score: float
    breaks: tuple[float, ...] = ()


def breaks(characters: Sequence[str], places: Sequence[float]) -> tuple[float, ...]:
    """The `Reading.breaks` of characters, given the middle of each as a share of the line."""
    found, last = [], None
    for i, (character, place) in enumerate(zip(characters, places, strict=True)):
        if character.isspace():
            continue
        if last is not None and characters[i - 1].isspace():
            found.append((last + place) / 2)
        last = place
    return tuple(found)


def network_input(line: Pixels, *, cubic: bool = False) -> npt.NDArray[np.float32]:
    """A line as the network takes it: (1, 3, 48, width), -1 to 1, at least 96 px wide.

    Args:
        line: Its pixels as BGR, (height, width, 3).
        cubic: Whether a cubic filter scales it. It keeps the tails of commas, which a linear one
            blurs, but more words of small print are misread.
    """
    import cv2

    width = _width(line)
    way = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    scaled = cv2.resize(line, (width, _HEIGHT_PX), interpolation=way).astype(np.float32)
    scaled *= 1 / 127.5
    scaled -= 1
    padded = np.zeros((1, 3, _HEIGHT_PX, max(width, MIN_WIDTH_PX)), np.float32)
    padded[0, :, :, :width] = scaled.transpose(2, 0, 1)
    return padded


def _width(line: Pixels) -> int:
    """The width of a line at the network's height."""
    height_px, width_px = line.shape[:2]
    return int(max(1, math.ceil(_HEIGHT_PX * width_px / height_px)))


def best_path(
    logits: npt.NDArray[np.float32],
) -> tuple[Sequence[int], Sequence[int], float]:
    """The classes of the most probable path, without repetitions and blanks.

    Args:
        logits: (steps, classes).

    Returns:
        The classes, the steps at which they begin, and the mean of their probabilities, 0 where
        there are none.
    """
    best = logits.argmax(axis=1)
    is_char = best != _BLANK
    is_char[1:] &= best[1:] != best[:-1]
    if not is_char.any():
        return [], [], 0.0
    rows = logits[is_char]
    # The softmax of the largest logit, at the characters alone.
    probabilities = 1 / np.exp(rows - rows.max(axis=1, keepdims=True)).sum(axis=1)
    return best[is_char].tolist(), np.flatnonzero(is_char).tolist(), float(probabilities.mean())
