"""DeepDecon: preprocessing and choice of ranges against what the original gave; the path in the output."""

from __future__ import annotations

import json

import numpy as np
import pytest

from unmix import engine
from unmix.deep.preprocessing import Transform
from unmix.deep.ranges import INDEX, RANGES, interval, refine
from unmix.errors import NotApplicable
from unmix.methods.deepdecon import DeepDecon
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def vectors(shared):
    return json.loads((shared / "fixtures" / "deepdecon" / "reference_vectors.json").read_text())


@pytest.mark.shared
def test_preprocessing_is_that_of_the_original(vectors):
    transform = Transform.fit(DeepDecon.recipes["published"].prep, np.array(vectors["train_counts"]))
    assert np.abs(transform.idf - vectors["idf"]).max() < 1e-6
    for kind in ("train", "new"):
        assert np.abs(transform(np.array(vectors[f"{kind}_counts"])) - vectors[f"{kind}_scaled"]).max() < 1e-6


@pytest.mark.shared
def test_next_range_is_that_of_the_original(vectors):
    alpha = vectors["alpha"] / 2
    for case in vectors["interval_selection"]:
        errors = np.percentile(vectors["val_errors"][case["model"]], [alpha, 100 - alpha])
        lower, upper = interval(case["y"], *errors, floor=True)
        assert f"{10 * lower}_{10 * upper}" == case["next_model"]


def test_search_narrows_until_it_turns_round():
    estimates, errors = np.full(len(RANGES), 0.5), np.tile([-0.11, 0.11], (len(RANGES), 1))
    estimates[0] = 0.45  # 30-50 %
    estimates[INDEX[3, 5]], errors[INDEX[3, 5]] = 0.52, [-0.01, 0.09]  # 50-60 %: to the right
    estimates[INDEX[5, 6]], errors[INDEX[5, 6]] = 0.48, [0, 0]  # 40-50 %: to the left, it turned round
    assert [RANGES[k] for k in refine(estimates, errors, floor=True)] == [(0, 10), (3, 5), (5, 6)]
    errors[0] = -1, 1  # errors say nothing: the whole range again
    assert refine(estimates, errors, floor=True) == [0]


def test_path_of_every_sample_ends_at_its_estimate():
    reference, bulk = toy()
    model = engine.train("deepdecon", reference, malignant=["NK"], device="cpu", quick=True)
    found = engine.predict(model, bulk, device="cpu")
    path = found.tables["refinement"].reset_index()
    assert list(path.columns) == ["sample", "step", "range", "malignant"]
    assert (path.groupby("sample")["range"].first() == "0-100 %").all()
    last = path.groupby("sample")["malignant"].last().loc[bulk.obs_names]
    assert np.allclose(last, found.values["malignant"], atol=1e-6)


def test_one_donor_is_not_enough():
    reference = toy(donors=1)[0]
    with pytest.raises(NotApplicable, match="2 donors"):
        engine.train("deepdecon", reference, malignant=["NK"], device="cpu", quick=True)
