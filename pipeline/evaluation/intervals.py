"""Means and rank correlations over pages, with bootstrap intervals.

Pages of one document are alike. So documents are drawn, not pages, and each brings all its pages:
the interval is as wide as so few documents deserve.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

_RESAMPLES: Final = 2000
_SEED: Final = 16
_LEVEL: Final = 0.95

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; the ends are None for fewer than two documents.

    Attributes:
        value: The figure over all pages.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float | None
    high: float | None


def mean(values: Sequence[float], documents: Sequence[str]) -> Estimate:
    """The mean over pages.

    Args:
        values: One for each page, at least one.
        documents: The document of each page.

    Raises:
        ValueError: There are no pages, or not as many documents as values.
    """
    return _estimate(lambda rows: float(rows[:, 0].mean()), [values], documents)


def rank_correlation(
    values: Sequence[float], others: Sequence[float], documents: Sequence[str]
) -> Estimate:
    """Spearman's rank correlation of two figures of each page, -1 to 1; 0 where one is constant.

    Args:
        values: One for each page, at least two.
        others: The other figure of each page.
        documents: The document of each page.

    Raises:
        ValueError: There are no pages, or not as many documents as values.
    """
    return _estimate(_spearman, [values, others], documents)


def _spearman(rows: Values) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        found = float(stats.spearmanr(rows[:, 0], rows[:, 1]).statistic)
    return 0.0 if np.isnan(found) else found


def _estimate(
    figure: Callable[[Values], float],
    columns: Sequence[Sequence[float]],
    documents: Sequence[str],
) -> Estimate:
    rows = np.array(columns, dtype=np.float64).T
    if not len(rows) or len(rows) != len(documents):
        raise ValueError(f"{len(documents)} documents for {len(rows)} pages")
    names = np.array(documents)
    groups = [rows[names == name] for name in dict.fromkeys(documents)]
    value = figure(rows)
    if len(groups) < 2:
        return Estimate(value, None, None)

    def drawn(chosen: npt.NDArray[np.intp]) -> float:
        return figure(np.concatenate([groups[place] for place in chosen]))

    result = stats.bootstrap(
        (np.arange(len(groups)),),
        drawn,
        n_resamples=_RESAMPLES,
        vectorized=False,
        confidence_level=_LEVEL,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    )
    low, high = result.confidence_interval
    return Estimate(value, float(low), float(high))
