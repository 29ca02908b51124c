"""Cells drawn for rare types have the moments of those that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from unmix.simulate.augmentation import fitted


def moments(mean, theta, inflation):
    """Return mean, variance and share of zeros of the zero-inflated negative binomial, by its definition."""
    level = mean / (1 - inflation)
    second = (1 - inflation) * (level + level**2 / theta + level**2)
    return mean, second - mean**2, inflation + (1 - inflation) * (theta / (theta + level)) ** theta


@pytest.mark.parametrize("seed", range(20))
def test_the_fit_has_the_mean_and_the_variance_of_the_cells(seed):
    rng = np.random.default_rng(seed)
    cells, genes = int(rng.integers(2, 60)), 300
    theta, inflation = rng.lognormal(0, 2, genes), rng.uniform(0, 0.9, genes)
    counts = rng.poisson(rng.gamma(theta, rng.lognormal(0, 2, genes) / theta, (cells, genes)))
    counts *= rng.random(counts.shape) >= inflation
    mean, variance, _ = moments(*fitted(counts))
    assert np.allclose(mean, counts.mean(0))
    expected = np.maximum(counts.var(0, ddof=1), counts.mean(0))  # no such distribution has a variance below the mean
    seen = counts.any(0)
    assert np.allclose(variance[seen], expected[seen], rtol=1e-3)


def test_the_share_of_zeros_is_as_near_as_the_variance_lets_it():
    rng = np.random.default_rng(0)
    theta, inflation, level = np.full(200, 2.0), np.full(200, 0.4), np.full(200, 8.0)
    counts = rng.poisson(rng.gamma(theta, level / theta, (20_000, 200))) * (rng.random((20_000, 200)) >= inflation)
    mean, found_theta, found = fitted(counts)
    _, _, zeros = moments(mean, found_theta, found)
    assert np.allclose(zeros, (counts == 0).mean(0), atol=0.02)
    assert np.allclose(found, 0.4, atol=0.05)
    assert np.allclose(found_theta, 2.0, rtol=0.2)
