"""Distributions as SVG, drawn by Matplotlib without a display."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.output.report.findings import SCORE_BINS, TIME_BINS, Times

_SIZE_IN: Final = (6.4, 2.7)
_GREY: Final = "#7d838c"
"""Legible on light and on dark ground."""
_COLOURS: Final = ("#3b7dd8", "#e08a2e", "#4fa36c", "#b0579b")
_STYLE: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "rayscribe",
    "font.family": "sans-serif",
    "font.size": 9,
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), _GREY),
    "axes.edgecolor": _GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def scores(bins: Mapping[str, Sequence[int]]) -> str:
    """Pages by text score, stacked by source.

    Args:
        bins: Pages by bin of the score, by source.
    """
    return _stacked(bins, "text score")


def changes(bins: Sequence[int]) -> str:
    """Changed pages by the share of their text that changed."""
    return _stacked({"changed pages": bins}, "edits over characters")


def times(by_stage: Mapping[str, Times]) -> str:
    """Pages by milliseconds in each stage, on a logarithmic axis."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes("milliseconds a page")
        for colour, (name, found) in zip(_COLOURS, by_stage.items(), strict=False):
            mean = found.sum_ms / max(1, found.pages)
            label = f"{name}: mean {mean:,.0f} ms"
            axes.step(TIME_BINS, found.bins, where="post", color=colour, label=label)
        axes.set_xscale("log")
        axes.set_xlim(*_ends(by_stage))
        axes.legend()
        return _svg(figure)


def _ends(by_stage: Mapping[str, Times]) -> tuple[float, float]:
    """The milliseconds where the first bin with a page begins, and where the last one ends."""
    used = [place for found in by_stage.values() for place, n in enumerate(found.bins) if n]
    last = min(len(TIME_BINS) - 1, max(used, default=1) + 1)
    return TIME_BINS[min(used, default=0)], TIME_BINS[last]


def _stacked(bins: Mapping[str, Sequence[int]], label: str) -> str:
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(label)
        width = 1 / SCORE_BINS
        below = [0] * SCORE_BINS
        for colour, (name, counts) in zip(_COLOURS, sorted(bins.items()), strict=False):
            places = [place * width for place in range(len(counts))]
            axes.bar(places, counts, width, below, align="edge", color=colour, label=name)
            below = [a + b for a, b in zip(below, counts, strict=True)]
        axes.set_xlim(0, 1)
        axes.legend()
        return _svg(figure)


def _axes(label: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=_SIZE_IN, layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.set_xlabel(label)
    axes.set_ylabel("pages")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, axes


def _svg(figure: Figure) -> str:
    content = io.StringIO()
    FigureCanvasSVG(figure).print_svg(content, metadata={"Date": None, "Creator": None})
    text = content.getvalue()
    return text[text.index("<svg") :]
