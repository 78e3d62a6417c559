"""Statistical tests of the slopes at fixed keys, by functions of SciPy.

Every test here makes one judgement: it fails where a p-value is not above `LEVEL`. The keys are fixed, so that a right backend, which has
the slopes of the standard, always passes or always fails. `false_alarm_rate()` is the chance, at the choice of the keys, that a right
backend fails. The exact tests find most of the same defects. These tests show that the slopes themselves are random enough,
and they reject a backend that draws from another distribution.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import stats

from multirrelu import Slopes

from .bits import Host
from .library import Library

LEVEL = 1e-6
LOWER, UPPER = 1 / 8, 1 / 3
KEYS = (0, 42, 2**32, 2**64 - 1)
LAGS = (1, 2, 3, 4, 5, 8, 16, 32, 63, 64, 65, 128, 256, 1000, 1024, 4096, 65536)
NEXT_KEYS = ((0, 1), (1, 2), (42, 43), (2**32 - 1, 2**32), (2**64 - 2, 2**64 - 1), (42, 42 + 2**32), (42, 42 + 2**63), (42, 42 ^ 2**31))
STRETCHES = (0, 2**32 - 2**19, 2**34 - 2**19, 2**63 - 2**19, 2**64 - 2**19)


class Statistics(Library):
    """The distribution and independence of slopes; ``samples`` below 2**20 make the tests faster on a slow library, and less sensitive."""

    _drawn: ClassVar[dict[tuple[type, int], Host]] = {}  # a cache, because many tests use the same few keys

    def uniform(self, key: int) -> Host:
        """Return `samples` slopes that training applies to an array of -1, mapped to the interval from 0 to 1."""
        drawn = Statistics._drawn
        if any(suite is not type(self) for suite, _ in drawn):
            drawn.clear()
        if (type(self), key) not in drawn:
            drawn[type(self), key] = self._applied(key, self.samples)
        return to_unit(drawn[type(self), key])

    def _applied(self, key: int, size: int) -> Host:
        return -self.host(self.api.rrelu(self.filled((size,)), LOWER, UPPER, training=True, rng=key))

    def _need_pairs(self, lag: int) -> None:
        if self.samples < 2 * lag:
            pytest.skip(f"{self.samples} samples have no pairs at a distance of {lag}")

    @pytest.mark.parametrize("key", KEYS)
    def test_mean(self, key: int) -> None:
        """The mean is the middle of the bounds."""
        judge(stats.ttest_1samp, self.uniform(key), 0.5, key=key)

    @pytest.mark.parametrize("key", KEYS)
    def test_variance(self, key: int) -> None:
        """The variance is that of the uniform distribution, a twelfth of the squared width."""
        u = self.uniform(key)
        # Around their own mean: around 1/2, slopes from half of the interval would have the same mean square.
        judge(stats.ttest_1samp, (u - u.mean()) ** 2, 1 / 12, key=key)

    @pytest.mark.parametrize("key", KEYS)
    def test_chi_square(self, key: int) -> None:
        """256 bins are equally full."""
        judge(stats.chisquare, counts(self.uniform(key), 256), key=key)

    @pytest.mark.parametrize("key", KEYS)
    def test_kolmogorov_smirnov(self, key: int) -> None:
        """The distribution is uniform."""
        judge(stats.kstest, self.uniform(key), "uniform", key=key)

    @pytest.mark.parametrize("key", KEYS[:2])
    def test_lattice_points_are_equally_likely(self, key: int) -> None:
        """Each point between narrow bounds, including the ends, occurs equally often."""
        lower, upper, unit = 0.25, 0.25 + 6 * 2.0**-25, 2.0**-25
        slopes = -self.host(self.api.rrelu(self.filled((self.samples,)), lower, upper, training=True, rng=key))
        point = np.rint((slopes.astype(np.float64) - lower) / unit).astype(np.intp)  # the type of `bincount`: 32 bits on some machines
        judge(stats.chisquare, np.bincount(np.clip(point, 0, 6), minlength=7), key=key)

    @pytest.mark.parametrize("lag", LAGS)
    def test_serial_pairs(self, lag: int) -> None:
        """Pairs of elements at a distance fill a square of 16 by 16 bins equally."""
        self._need_pairs(lag)
        u = self.uniform(42)
        pairs = u[: u.size // (2 * lag) * 2 * lag].reshape(-1, 2, lag)  # no element is in two pairs
        judge(stats.chisquare, counts_of_pairs(pairs[:, 0, :].ravel(), pairs[:, 1, :].ravel(), 16).ravel(), key=42, lag=lag)

    @pytest.mark.parametrize("lag", LAGS)
    def test_autocorrelation(self, lag: int) -> None:
        """Elements at a distance are not correlated."""
        self._need_pairs(lag)
        u = self.uniform(0)
        judge(stats.pearsonr, u[:-lag], u[lag:], key=0, lag=lag)

    @pytest.mark.parametrize("keys", NEXT_KEYS, ids=str)
    def test_adjacent_keys(self, keys: tuple[int, int]) -> None:
        """The slopes of nearby keys are not correlated."""
        judge(stats.pearsonr, self.uniform(keys[0]), self.uniform(keys[1]), keys=keys)

    @pytest.mark.parametrize("keys", NEXT_KEYS, ids=str)
    def test_adjacent_keys_are_independent(self, keys: tuple[int, int]) -> None:
        """The slopes of nearby keys are independent, in 16 by 16 bins."""
        judge(stats.chi2_contingency, counts_of_pairs(self.uniform(keys[0]), self.uniform(keys[1]), 16), keys=keys)

    def test_first_places_over_many_keys(self) -> None:
        """The slopes of the first four elements are uniform over the keys 0, 1, 2, ..."""
        judge(stats.kstest, to_unit(np.concatenate([self._applied(key, 4) for key in range(500)])), "uniform")

    def test_generator_keys(self) -> None:
        """The slopes of successive calls with one generator are uniform."""
        rng, array = np.random.default_rng(42), self.filled((1,))
        slopes = [-float(self.host(self.api.rrelu(array, 0.0, 1.0, training=True, rng=rng))[0]) for _ in range(500)]
        judge(stats.kstest, np.asarray(slopes), "uniform")

    @pytest.mark.parametrize("offset", STRETCHES)
    def test_far_stretches(self, offset: int) -> None:
        """Slopes around the boundaries of the index are uniform."""
        judge(stats.kstest, self.slopes((self.samples,), Slopes(0.0, 1.0, 7, offset)), "uniform", offset=offset)

    @pytest.mark.parametrize("key", KEYS[:2])
    def test_slopes_do_not_depend_on_the_data(self, key: int) -> None:
        """The slopes that are applied to normal data are not correlated with the data."""
        x = -np.abs(np.random.default_rng(1).standard_normal(self.samples)) - 0.5
        y = self.host(self.api.rrelu(self.array(x, "float32"), training=True, rng=key)).astype(np.float64)
        judge(stats.pearsonr, y / x.astype(np.float32), x, key=key)

    @pytest.mark.parametrize("key", KEYS[:2])
    def test_slopes_do_not_depend_on_signs(self, key: int) -> None:
        """The slopes of the negative elements of normal data are uniform."""
        x = np.random.default_rng(2).standard_normal(self.samples).astype(np.float32)
        x[abs(x) < 1e-3] = 1.0
        y = self.host(self.api.rrelu(self.array(x, "float32"), training=True, rng=key)).astype(np.float64)
        judge(stats.kstest, to_unit((y / x)[x < 0]), "uniform", key=key)


def judge(test: Callable[..., Any], *arguments: Any, **context: object) -> None:
    """Fail where a test of SciPy gives a p-value that is not above `LEVEL`; NaN, from constant data, fails too."""
    __tracebackhide__ = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns of constant data, which fails below anyway
        pvalue = float(test(*arguments).pvalue)
    if not pvalue > LEVEL:
        about = ", ".join(f"{name}={value!r}" for name, value in context.items())
        raise AssertionError(
            f"scipy.stats.{test.__name__} gives p = {pvalue:.3g}, not above {LEVEL:g} ({about}). "
            f"All {number_of_judgements()} judgements together reject a right backend with probability {false_alarm_rate():.1e}, "
            "decided once by the fixed keys."
        )


def to_unit(slopes: Host) -> Host:
    """Map slopes between the default bounds to the interval from 0 to 1."""
    return (slopes.astype(np.float64) - LOWER) / (UPPER - LOWER)


def counts(u: Host, bins: int) -> Host:
    """Count the numbers in equal bins between 0 and 1."""
    return np.bincount(bin_of(u, bins), minlength=bins)


def counts_of_pairs(a: Host, b: Host, bins: int) -> Host:
    """Count pairs of numbers in equal bins of a square."""
    return np.bincount(bin_of(a, bins) * bins + bin_of(b, bins), minlength=bins * bins).reshape(bins, bins)


def bin_of(u: Host, bins: int) -> Host:
    """Return the bin of each number; the last one includes its upper end."""
    return np.clip((u * bins).astype(np.intp), 0, bins - 1)


def number_of_judgements() -> int:
    """Return how many p-values the whole topic judges: the number of parameter sets of each test, summed over the tests."""
    tests = [getattr(Statistics, name) for name in dir(Statistics) if name.startswith("test_")]
    return sum(math.prod(len(mark.args[1]) for mark in getattr(test, "pytestmark", ())) for test in tests)


def false_alarm_rate() -> float:
    """Return the probability that a right backend fails some test with keys drawn at random, which is about 1e-4."""
    return 1 - (1 - LEVEL) ** number_of_judgements()
