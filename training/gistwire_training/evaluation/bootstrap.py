"""Confidence intervals by resampling pairs, of any figure that is computed from sums over pairs.

Percentile bootstrap: Efron 1979, "Bootstrap methods: another look at the jackknife"; Efron & Tibshirani 1993,
chapter 13. Two systems are compared on the same resamples (paired bootstrap): Koehn 2004, "Statistical
significance tests for machine translation evaluation".
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Statistic: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Computes a figure from sums over pairs: ``float64 [..., columns]`` to ``float64 [...]``."""


_ROUNDING = 1e-9


class Estimate(msgspec.Struct, frozen=True):
    """A figure with its confidence interval.

    Attributes:
        value: the figure of the sample itself.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero, by more than rounding does."""
        return self.low > _ROUNDING or self.high < -_ROUNDING


def ratio_of_sums(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divides the first column by the second; with ones in the second, this is the mean.

    Args:
        sums: ``float64 [..., 2]``.

    Returns:
        ``float64 [...]``; 1 where the second column is 0, as a share of nothing is.
    """
    numerator, denominator = sums[..., 0], sums[..., 1]
    ratios = np.ones_like(numerator)
    np.divide(numerator, denominator, out=ratios, where=denominator != 0)
    return ratios


class Bootstrap:
    """Resamples of one sample of pairs.

    The resamples are drawn once, so that all figures of all systems are computed on the same ones.
    """

    def __init__(self, pairs: int, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0) -> None:
        """Draws the resamples; they take ``8 · resamples · pairs`` bytes.

        Args:
            pairs: size of the sample, at least 1.
            resamples: how many resamples are drawn, at least 1.
            confidence: share of resamples within the interval, in (0, 1).
            seed: equal seeds give equal intervals.

        Raises:
            ValueError: an argument is out of its range.
        """
        if pairs < 1 or resamples < 1 or not 0 < confidence < 1:
            raise ValueError("pairs and resamples must be at least 1, and confidence between 0 and 1")
        tail = (1 - confidence) / 2
        self._quantiles = (tail, 1 - tail)
        generator = np.random.default_rng(seed)
        # How often each pair was drawn: [resamples, pairs].
        self._weights = np.zeros((resamples, pairs))
        for row in self._weights:
            row[:] = np.bincount(generator.integers(pairs, size=pairs), minlength=pairs)

    def estimate(self, rows: NDArray[np.float64], statistic: Statistic = ratio_of_sums) -> Estimate:
        """Estimates a figure.

        Args:
            rows: ``float64 [pairs, columns]``, what each pair adds to the sums.
            statistic: computes the figure from the sums.
        """
        value = statistic(rows.sum(axis=0))
        return self._interval(float(value), statistic(self._weights @ rows))

    def estimate_difference(
        self,
        rows: NDArray[np.float64],
        other_rows: NDArray[np.float64],
        statistic: Statistic = ratio_of_sums,
    ) -> Estimate:
        """Estimates by how much a figure of one system exceeds that of another on the same pairs.

        Args:
            rows: ``float64 [pairs, columns]`` of the one system.
            other_rows: the same of the other one.
            statistic: computes the figure from the sums.
        """
        value = statistic(rows.sum(axis=0)) - statistic(other_rows.sum(axis=0))
        differences = statistic(self._weights @ rows) - statistic(self._weights @ other_rows)
        return self._interval(float(value), differences)

    def _interval(self, value: float, resampled: NDArray[np.float64]) -> Estimate:
        low, high = np.quantile(resampled, self._quantiles)
        return Estimate(value, float(low), float(high))
