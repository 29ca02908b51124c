from __future__ import annotations

import numpy as np
import pytest

from unmix.uncertainty import conformal


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.98])
def test_coverage_is_the_nominal_one_on_exchangeable_mixes(level):
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(5), 4000)
    estimate = np.clip(truth + rng.normal(0, 0.05, truth.shape), 0, 1)
    scores = conformal.scores(estimate[:500], estimate[:500], truth[:500])
    lower, upper = conformal.interval(estimate[500:], estimate[500:], scores, level)
    assert abs(conformal.coverage(lower, upper, truth[500:]).mean() - level) < 0.03


def test_intervals_stay_fractions_and_grow_with_the_level():
    scores = conformal.scores(*2 * [np.full((100, 2), 0.5)], np.random.default_rng(0).random((100, 2)))
    narrow = conformal.interval(*2 * [np.array([[0.0, 1.0]])], scores, 0.5)
    wide = conformal.interval(*2 * [np.array([[0.0, 1.0]])], scores, 0.95)
    assert (narrow[0] >= 0).all()
    assert (wide[1] <= 1).all()
    assert (wide[1] - wide[0] >= narrow[1] - narrow[0]).all()


def test_bounds_of_a_method_are_moved_until_they_hold_what_the_level_says():
    rng = np.random.default_rng(1)
    truth = rng.dirichlet(np.ones(3), 2000)
    for half in (0.01, 0.4):  # far too narrow, far too wide
        bounds = truth + rng.normal(0, 0.05, truth.shape) + half * np.array([[[-1]], [[1]]])
        scores = conformal.scores(*bounds[:, :1000], truth[:1000])
        lower, upper = conformal.interval(*bounds[:, 1000:], scores, 0.9)
        assert abs(conformal.coverage(lower, upper, truth[1000:]).mean() - 0.9) < 0.03
