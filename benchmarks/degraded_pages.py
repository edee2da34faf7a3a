"""Pages made worse on purpose: pictures as bad scans, text layers as broken font tables.

Everything is pure and repeatable: the same seed gives the same page.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from pipeline.types import Pixels

Degradation = Callable[[Image.Image, int], Image.Image]
"""Makes a picture worse, with a seed."""


def _blurred(radius_px: float) -> Degradation:
    return lambda image, seed: image.filter(ImageFilter.GaussianBlur(radius_px))


def _coarse(share: float) -> Degradation:
    """As if scanned at this share of the resolution, and enlarged again."""

    def change(image: Image.Image, seed: int) -> Image.Image:
        small = image.resize((round(image.width * share), round(image.height * share)))
        return small.resize(image.size, Image.Resampling.BICUBIC)

    return change


def _noisy(sigma: float) -> Degradation:
    return lambda image, seed: _with_noise(image, seed, sigma)


def _faded(contrast: float, sigma: float) -> Degradation:
    """Pale ink, with noise of the same order."""

    def change(image: Image.Image, seed: int) -> Image.Image:
        pale = image.point(lambda level: round(255 - contrast * (255 - level)))
        return _with_noise(pale, seed, sigma)

    return change


def _speckled(share: float) -> Degradation:
    """Single black and white pixels, as of a worn copier."""

    def change(image: Image.Image, seed: int) -> Image.Image:
        levels = np.array(image)
        draw = np.random.default_rng(seed).random(levels.shape[:2])
        levels[draw < share / 2] = 0
        levels[draw > 1 - share / 2] = 255
        return Image.fromarray(levels)

    return change


def _jpeg(quality: int) -> Degradation:
    def change(image: Image.Image, seed: int) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return change


def _skewed(deg: float) -> Degradation:
    def change(image: Image.Image, seed: int) -> Image.Image:
        return image.rotate(deg, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))

    return change


def _stained(count: int) -> Degradation:
    """Dark stains that hide what is under them."""

    def change(image: Image.Image, seed: int) -> Image.Image:
        chance, stained = random.Random(seed), image.copy()
        draw = ImageDraw.Draw(stained)
        for _ in range(count):
            x, y = chance.random() * image.width, chance.random() * image.height
            w, h = (chance.uniform(0.05, 0.2) * image.width for _ in range(2))
            draw.ellipse((x, y, x + w, y + h), fill=(chance.randrange(40, 120),) * 3)
        return stained.filter(ImageFilter.GaussianBlur(1))

    return change


def _bled_through(share: float) -> Degradation:
    """The page's own mirror image shines through."""

    def change(image: Image.Image, seed: int) -> Image.Image:
        back = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pale = back.point(lambda level: round(255 - share * (255 - level)))
        return Image.fromarray(np.minimum(np.array(image), np.array(pale)))

    return change


def _with_noise(image: Image.Image, seed: int, sigma: float) -> Image.Image:
    levels = np.array(image, dtype=np.float32)
    noise = np.random.default_rng(seed).normal(0, sigma, levels.shape[:2]).astype(np.float32)
    noisy: npt.NDArray[np.float32] = np.clip(levels + noise[:, :, np.newaxis], 0, 255)
    return Image.fromarray(noisy.astype(np.uint8))


PICTURES: Final[dict[str, Degradation]] = {
    "blur 1.5 px": _blurred(1.5),
    "blur 2.5 px": _blurred(2.5),
    "blur 4 px": _blurred(4),
    "half the resolution": _coarse(0.5),
    "a third of the resolution": _coarse(0.36),
    "noise 60": _noisy(60),
    "noise 120": _noisy(120),
    "faded": _faded(0.12, 8),
    "speckles 10 %": _speckled(0.1),
    "speckles 30 %": _speckled(0.3),
    "JPEG quality 4": _jpeg(4),
    "skew 4 degrees": _skewed(4),
    "skew 9 degrees": _skewed(9),
    "stains": _stained(12),
    "bleed-through": _bled_through(0.5),
}
"""What is done to a picture at 150 dpi, by name."""


def degrade(pixels: Pixels, name: str, seed: int) -> Pixels:
    """A page's picture made worse.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).
        name: One of `PICTURES`.
        seed: Decides what is left to chance.
    """
    return np.array(PICTURES[name](Image.fromarray(pixels), seed))
