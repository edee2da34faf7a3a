"""The layout model that comes with PyMuPDF: what the lines of a page are, tables and pictures.

PyMuPDF's wheel carries several models for page layout. This is the one that needs nothing but a
picture of the page (`feature_imf2.onnx`): it gives the probability of each class for each of 300 x
300 cells, and boxes for tables and pictures, which are decoded as in FCOS (Tian et al., arXiv
1904.01355). So it serves scans and text layers alike. The other models want the page's fonts and
vectors as well (three times the CPU time), collected with an option of MuPDF that loops on some
damaged files.

ONNX Runtime runs it alone: nothing of PyMuPDF is imported, whose package for layout loads all of
its models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.errors import ConfigError
from pipeline.types import Box, LineKind, PageLayout, Pixels, Region, RegionKind

PICTURE_DPI: Final = 72
"""Resolution of the pictures that the model was made for."""
_MODEL: Final = "layout/resources/onnx/feature_imf2.onnx"
_OUTPUTS: Final = ["logits", "reg_coarse", "ctr_coarse"]
_SIDE: Final = 300
"""Cells of a page in each direction."""
_BETWEEN_PX: Final = 800
"""Pictures are first reduced to this longest side: a Letter page at 72 dpi has 792."""
_KINDS: Final = (
    LineKind.BACKGROUND,
    LineKind.TEXT,
    LineKind.TITLE,
    LineKind.PICTURE,
    LineKind.TABLE,
    LineKind.LIST_ITEM,
    LineKind.PAGE_HEADER,
    LineKind.PAGE_FOOTER,
    LineKind.SECTION_HEADER,
    LineKind.FOOTNOTE,
    LineKind.CAPTION,
    LineKind.FORMULA,
)
"""The model's classes, in its order."""
_REGIONS: Final = {3: RegionKind.PICTURE, 4: RegionKind.TABLE}
"""Classes whose boxes are used, by their index."""
_BACKGROUND_WEIGHT: Final = 0.1
"""A line's box is mostly paper: less counts for the class of paper than for the others."""
_MIN_SCORE: Final = 0.3
"""Minimum score of a region, 0 to 1."""
_MAX_OVERLAP: Final = 0.25
"""Of regions of a kind whose intersection is more than this share of their union one is kept."""

Floats = npt.NDArray[np.float32]


class LayoutModel:
    """Finds what a page consists of.

    Args:
        path: The model, for ONNX Runtime.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)

    def find(self, pixels: Pixels, boxes: Sequence[Box], size_px: tuple[int, int]) -> PageLayout:
        """What the lines of a page are, and where its tables and pictures are.

        Args:
            pixels: The upright page, uint8, shape (height, width, 3), at any resolution.
            boxes: Boxes of its lines, in pixels of a picture with the size `size_px`.
            size_px: Width and height.

        Returns:
            Kinds in the order of `boxes`, and regions in pixels of that picture.
        """
        logits, sides, centers = self._session.run(_OUTPUTS, {"input": _levels(pixels)})
        probabilities = _softmax(logits[0])
        width_px, height_px = size_px
        to_cells = (_SIDE / width_px, _SIDE / height_px) * 2
        cells = np.array(boxes, np.float32).reshape(-1, 4) * np.array(to_cells, np.float32)
        kinds = tuple(_kind(probabilities, box) for box in cells.tolist())
        found = _regions(_sampled(probabilities, sides.shape[-1]), sides[0], centers[0, 0])
        regions = tuple(_on_page(region, width_px, height_px) for region in found)
        return PageLayout(kinds, regions)


@cache
def layout_model() -> LayoutModel:
    """The model of this process, loaded when it is first asked for.

    Raises:
        ConfigError: As `check_installed`.
    """
    return LayoutModel(check_installed())


def check_installed() -> Path:
    """The model's file.

    Raises:
        ConfigError: ONNX Runtime or PyMuPDF is not installed, or has no such model.
    """
    spec = find_spec("pymupdf")
    for name, found in (("onnxruntime", find_spec("onnxruntime")), ("pymupdf", spec)):
        if found is None:
            raise ConfigError(f"install {name} for structure layout or auto, or set it to plain")
    path = Path(str(spec and spec.origin)).parent / _MODEL
    if not path.is_file():
        raise ConfigError(
            f"{path.name} is missing from the pymupdf wheel: reinstall pymupdf 2.0, or set"
            " structure to plain"
        )
    return path


def _levels(pixels: Pixels) -> Floats:
    """The page in grey, 0 to 1, shape (1, 1, 300, 300)."""
    image = Image.fromarray(pixels).convert("L")
    scale = _BETWEEN_PX / max(image.size)
    if scale < 1:
        image = image.resize(
            [max(1, round(side * scale)) for side in image.size], Image.Resampling.BOX
        )
    # Without smoothing, as in training: thin strokes would fade.
    width, height = image.size
    scaled = (width / _SIDE, 0.0, 0.0, 0.0, height / _SIDE, 0.0)
    small = image.transform(
        (_SIDE, _SIDE), Image.Transform.AFFINE, scaled, Image.Resampling.BILINEAR
    )
    levels = np.asarray(small, np.float32)
    low, high = levels.min(), levels.max()
    levels = (levels - low) / max(float(high - low), 1e-8)
    found: Floats = levels[np.newaxis, np.newaxis]
    return found


def _softmax(logits: Floats) -> Floats:
    """Probabilities of the classes of each cell, shape (12, 300, 300)."""
    logits = logits - logits.max(axis=0)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=0)
    return logits


def _kind(probabilities: Floats, box: Sequence[float]) -> LineKind:
    """The class that is likeliest over the cells of a line."""
    x0, y0, x1, y1 = (min(max(side, 0.0), _SIDE - 1.0) for side in box)
    part = probabilities[:, int(y0) : int(np.ceil(y1)) + 1, int(x0) : int(np.ceil(x1)) + 1]
    means = part.mean(axis=(1, 2))
    means[0] *= _BACKGROUND_WEIGHT
    return _KINDS[int(means.argmax())]


def _sampled(probabilities: Floats, cells: int) -> Floats:
    """The probabilities at the centres of so many cells in each direction."""
    centers = ((np.arange(cells) + 0.5) * _SIDE / cells).astype(np.int64)
    return probabilities[:, centers[:, np.newaxis], centers]


def _regions(probabilities: Floats, sides: Floats, centers: Floats) -> Iterator[Region]:
    """The regions, boxes as shares of the page.

    Args:
        probabilities: Of the classes, shape (12, cells, cells).
        sides: Distances of each cell's centre from the left, upper, right and lower edge of its
            region, as shares of the page, shape (4, cells, cells).
        centers: How near the cell is to the middle of its region, before the sigmoid, shape
            (cells, cells).
    """
    cells = centers.shape[0]
    at = (np.arange(cells, dtype=np.float32) + 0.5) / cells
    left, top, right, bottom = sides
    edges = (at - left, at[:, np.newaxis] - top, at + right, at[:, np.newaxis] + bottom)
    boxes = np.clip(np.stack(edges, axis=-1), 0.0, 1.0)
    nearness = 1.0 / (1.0 + np.exp(-centers))
    for index, kind in _REGIONS.items():
        scores = probabilities[index] * nearness
        is_sure = scores > _MIN_SCORE
        yield from _best(kind, boxes[is_sure], scores[is_sure])


def _best(kind: RegionKind, boxes: Floats, scores: Floats) -> Iterator[Region]:
    """Of regions that overlap those with the highest scores."""
    order = scores.argsort()[::-1]
    boxes, scores = boxes[order], scores[order]
    while len(boxes):
        best = boxes[0]
        x0, y0, x1, y1 = best.tolist()
        yield Region(kind, (x0, y0, x1, y1), float(scores[0]))
        low, high = np.maximum(boxes[:, :2], best[:2]), np.minimum(boxes[:, 2:], best[2:])
        common = np.maximum(high - low, 0.0).prod(axis=1)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        apart = common <= _MAX_OVERLAP * (areas + areas[0] - common)
        apart[0] = False
        boxes, scores = boxes[apart], scores[apart]


def _on_page(region: Region, width_px: int, height_px: int) -> Region:
    x0, y0, x1, y1 = region.box
    box = (x0 * width_px, y0 * height_px, x1 * width_px, y1 * height_px)
    return Region(region.kind, box, region.score)
