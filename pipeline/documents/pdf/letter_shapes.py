"""Whether a font draws other letters than it stores: text that is a cipher of what is seen.

A subset of a font whose table of characters is wrong, or is missing where its codes are its own,
stores one letter for another throughout. A page on which only the labels of a chart are in such a
font has words enough to be believed. Some letters of a font are compared by their outlines with
those of six text fonts that MuPDF carries, and all of them where these look like others. An
unusual typeface may have letters that look like other ones, but then many like the same one: those
of a calligraphic face like "f" and "j". So different ones are counted. Of 90 fonts with Latin
letters (fonts of mathematical signs left out) none has more than 4 per cent, but for that face,
with 12; of 4,000 random parts of it, of four letters and more, 9 were taken for a cipher, and none
of 13,050 parts of others. Of random ciphers in 87 of them 97 per cent are found, 83 and more in
each; in the calligraphic face, blackletter and a font of placeholders hardly any.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
from pymupdf import mupdf

from pipeline.documents.pdf.digit_shapes import Shape, drawn, shape_of
from pipeline.documents.pdf.glyph_names import code_point

_LETTERS: Final = string.ascii_letters
_DRAWN: Final = _LETTERS + string.digits
"""Characters that are told apart."""
_FONTS: Final = (
    *("Helvetica", "Helvetica-Bold", "Times-Roman", "Times-Bold", "Times-Italic", "Courier"),
)
_ALIKE: Final = ("oO0", "lI1iL")
"""Characters whose stretched outlines hardly differ."""
_MAX_LOOKED_AT: Final = 8
"""Letters of a font that are compared first, 0.2 CPU ms each."""
_MIN_LETTERS: Final = 4
"""A font of fewer is not judged: they may be symbols."""
_MIN_SHARE: Final = 0.5
"""Least number of letters and digits that are seen instead of a font's letters, of these."""
_MIN_GAP: Final = 0.08
"""Least difference of two mean distances, of 1, for one to be plainly nearer ..."""
_MAX_DISTANCE: Final = 0.25
"""... and the most of the nearer one: further away are ornaments and letters of other scripts."""


def seen_instead(font: Any, letters: Iterable[tuple[str, int, str]]) -> frozenset[str]:
    """The letters and digits that a font plainly draws instead of the letters that it stores.

    Args:
        font: MuPDF's font, of its low-level interface.
        letters: The Latin letters that it is said to have: the letter, the index of its glyph, and
            the glyph's name, "" where it has none.

    Returns:
        Some of them, none of a font that draws what it stores.
    """
    told = [(char, index, name) for char, index, name in letters if char in _LETTERS]
    unsure = [one for one in told if not is_named(one[0], one[2])]
    if len(unsure) < max(_MIN_LETTERS, _MIN_SHARE * len(told)):
        return frozenset()
    sample = unsure[:: -(-len(unsure) // _MAX_LOOKED_AT)]
    return _cipher_of(font, sample, _MIN_LETTERS - 1) and _cipher_of(font, unsure, _MIN_LETTERS)


def _cipher_of(font: Any, letters: Sequence[tuple[str, int, str]], at_least: int) -> frozenset[str]:
    """What is seen instead of letters, nothing where that is not another one for each of most."""
    seen = frozenset(_other_of(font, index, char) for char, index, _ in letters) - {""}
    is_cipher = len(seen) >= max(at_least, _MIN_SHARE * len(letters))
    return seen if is_cipher else frozenset()


def is_named(char: str, name: str) -> bool:
    """Whether the name of a glyph says the character that is stored, small or large.

    Args:
        char: The character.
        name: The name without a suffix, "" where there is none.
    """
    return bool(name) and chr(code_point(name)).lower() == char.lower()


def _other_of(font: Any, index: int, letter: str) -> str:
    """What a glyph plainly looks like if not like its letter, else ""."""
    shape = shape_of(font, index)
    if shape is None:
        return ""
    distances = np.abs(_references() - shape).mean(axis=1).reshape(len(_DRAWN), -1).min(axis=1)
    nearest = int(distances.argmin())
    least = float(distances[nearest])
    own = float(distances[[_DRAWN.index(char) for char in _alike(letter)]].min())
    is_other = least <= _MAX_DISTANCE and own - least > _MIN_GAP
    return _DRAWN[nearest] if is_other else ""


@cache
def _alike(letter: str) -> str:
    """The characters for which a letter may be taken: small capitals are stored as small ones."""
    groups = [group for group in _ALIKE if letter in group]
    return "".join({letter.lower(), letter.upper(), *"".join(groups)})


@cache
def _references() -> Shape:
    """The shapes of each character of `_DRAWN` in each of `_FONTS`, one a row."""
    fonts = [mupdf.fz_new_base14_font(name) for name in _FONTS]
    return np.array([drawn(font, char) for char in _DRAWN for font in fonts])
