from __future__ import annotations

import numpy as np
import pytest

from unmix import engine
from unmix.simulate.toy import toy
from unmix.uncertainty import conformal


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.98])
def test_coverage_is_the_nominal_one_on_exchangeable_mixes(level):
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(5), 4000)
    estimate = np.clip(truth + rng.normal(0, 0.05, truth.shape), 0, 1)
    scores = conformal.scores(estimate[:500], estimate[:500], truth[:500])
    lower, upper = conformal.interval(estimate[500:], estimate[500:], scores, level)
    assert abs(conformal.coverage(lower, upper, truth[500:]).mean() - level) < 0.03


@pytest.mark.parametrize("level", [0.8, 0.9])
@pytest.mark.parametrize("number", [3, 4, 8, 9, 19])
def test_few_calibration_samples_give_the_level_or_no_interval(level, number):
    rng = np.random.default_rng(0)
    truth = rng.random((4000, number + 1))
    estimate = np.clip(truth + rng.normal(0, 0.05, truth.shape), 0, 1)
    inside = []
    for true, found in zip(truth, estimate, strict=True):
        scores = conformal.scores(*2 * [found[:-1, None]], true[:-1, None])
        lower, upper = conformal.interval(*2 * [found[None, -1:]], scores, level)
        inside.append((lower <= true[-1]) & (true[-1] <= upper))
        if number < conformal.needed(level):
            assert (lower.item(), upper.item()) == (0, 1)
    assert np.mean(inside) > level - 0.015


def test_types_of_few_calibration_samples_are_named():
    reference, bulk = toy()
    model = engine.train("nnls", reference, device="cpu")
    few = model.arrays["intervals.scores"] = model.arrays["intervals.scores"][:4]
    said = []
    found = engine.predict(model, bulk, device="cpu", say=said.append)
    assert ((found.lower == 0) & (found.upper == 1)).to_numpy().all()
    assert sum("4 held-out samples are too few" in sentence and "80%" in sentence for sentence in said) == 1
    few[:, 0] = np.nan  # a type that the reference lacks
    found = engine.predict(model, bulk, level=0.5, device="cpu")
    assert found.lower.iloc[:, 0].isna().all()
    assert (found.upper - found.lower).iloc[:, 1:].to_numpy().max() < 1


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
