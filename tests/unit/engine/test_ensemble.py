"""Tests of several references for one bulk."""

from __future__ import annotations

import numpy as np
import pytest

from unmix import engine
from unmix.engine import ensemble
from unmix.errors import DataError
from unmix.simulate.toy import CELL_TYPES, toy

QUICK = {"quick": True, "device": "cpu"}


@pytest.fixture(scope="module")
def data():
    return toy()


@pytest.fixture(scope="module")
def model(data):
    return engine.train("nnls", data[0], **QUICK)


def predict(models, bulk, **options):
    return ensemble.predict(models, bulk, device="cpu", **options)


def known(monkeypatch, *disagreements):
    """Let the references have these disagreements."""
    left = list(disagreements)
    monkeypatch.setattr(ensemble, "disagreement", lambda *_: left.pop(0))


def test_a_reference_with_wrong_labels_weighs_less(data, model):
    rng, worse = np.random.default_rng(0), data[0].copy()
    labels = worse.obs["cell_type"].astype(str).to_numpy()
    wrong = rng.random(len(labels)) < 0.6
    labels[wrong] = rng.permutation(np.where(labels[wrong] == CELL_TYPES[0], CELL_TYPES[1], labels[wrong]))
    worse.obs["cell_type"] = labels
    said, other = [], engine.train("nnls", worse, **QUICK)
    found = predict([model, other], data[1], say=said.append)
    weights = found.tables["references"]
    assert np.allclose(weights.sum(axis=1), 1)
    assert (weights == weights.iloc[0]).all(axis=None)  # one weight for the cohort
    assert weights.iloc[0, 0] > 0.7
    truth = data[1].obsm["mrna_fractions"]
    alone = [rmse(engine.predict(m, data[1], device="cpu").values, truth) for m in (model, other)]
    assert rmse(found.values, truth) < (alone[0] + alone[1]) / 2
    assert sum("has the weight" in sentence for sentence in said) == 2


def rmse(found, truth):
    return float(np.sqrt(((found - truth[found.columns]).to_numpy() ** 2).mean()))


def test_weights_fall_with_the_disagreement_and_doubtful_levels_are_said(data, model, monkeypatch):
    said = []
    known(monkeypatch, 0.2, 0.3)
    weights = predict([model, model], data[1], say=said.append).tables["references"].iloc[0]
    assert np.allclose(weights, [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])
    doubts = [sentence for sentence in said if "doubtful" in sentence]
    assert len(doubts) == 1
    assert "reference 2 disagree by 0.30" in doubts[0]


def test_references_that_cannot_be_compared_weigh_alike(data, model, monkeypatch):
    said = []
    known(monkeypatch, 0.01, None)
    assert np.allclose(predict([model, model], data[1], say=said.append).tables["references"], 0.5)
    assert any("weighted alike" in sentence for sentence in said)


def test_too_few_genes_or_no_expression_give_no_disagreement(data, model):
    found = engine.predict(model, data[1], device="cpu").values
    assert ensemble.disagreement(model, found, data[1]) < 0.1
    assert ensemble.disagreement(model, found, data[1][:, :50].copy()) is None
    assert ensemble.disagreement(model, None, data[1]) is None
    nothing = data[1].copy()
    nothing.X = nothing.X * 0
    assert ensemble.disagreement(model, found, nothing) is None


def test_cell_states_are_compared_as_their_types(data):
    reference = data[0].copy()
    halves = np.arange(reference.n_obs) % 2
    reference.obs["cell_state"] = [f"{t} {h}" for t, h in zip(reference.obs["cell_type"], halves, strict=True)]
    model = engine.train("nnls", reference, **QUICK)
    assert model.states
    found = predict([model, model], data[1])
    assert list(found.values.columns) == model.reported
    assert ensemble.disagreement(model, found.mrna, data[1]) < 0.1


def test_a_type_of_one_reference_is_kept_and_rows_sum_to_one(data, model):
    name, said = CELL_TYPES[0], []
    fewer = engine.train("nnls", data[0][data[0].obs["cell_type"] != name].copy(), **QUICK)
    found = predict([fewer, model], data[1], say=said.append)
    assert set(found.values.columns) == set(CELL_TYPES)
    assert np.allclose(found.values.sum(axis=1), 1)
    assert (found.lower <= found.values).all(axis=None)
    assert (found.values <= found.upper).all(axis=None)
    assert np.corrcoef(found.values[name], data[1].obsm["mrna_fractions"][name])[0, 1] > 0.8
    assert any(name in sentence and "reference 2 only" in sentence for sentence in said)


def test_what_references_disagree_on_widens_the_intervals(data, model, monkeypatch):
    known(monkeypatch, 0.1, 0.1)
    shifted = data[0].copy()
    shifted.X = shifted.X.multiply(np.random.default_rng(0).lognormal(0, 1, shifted.n_vars)).tocsr().astype(np.float32)
    other = engine.train("nnls", shifted, **QUICK)
    widths = [
        (f.upper - f.lower).to_numpy() for f in (engine.predict(m, data[1], device="cpu") for m in (model, other))
    ]
    found = predict([model, other], data[1])
    inside = (found.lower > 0).to_numpy() & (found.upper < 1).to_numpy()
    assert ((found.upper - found.lower).to_numpy() > np.mean(widths, axis=0) - 1e-9)[inside].all()


def test_scores_are_not_averaged(data, model):
    with pytest.raises(DataError, match="cannot be averaged"):
        predict([model, engine.train("mcpcounter", data[0], **QUICK)], data[1])


def test_references_have_one_source_of_mrna_per_cell(data, model):
    """A label that is not recognised in one reference: published values for the other alone would be two kinds."""
    other = data[0].copy()
    labels = other.obs["cell_type"].astype(str).to_numpy()
    labels[::9] = "mystery"
    other.obs["cell_type"] = labels
    said, models = [], [model, engine.train("nnls", other, **QUICK)]
    found = predict(models, data[1], mrna_per_cell="auto", say=said.append)
    assert found.mrna_per_cell["source"] == "reference"
    assert set(found.mrna_per_cell["values"]) == {*CELL_TYPES, "mystery"}
    assert any("all use --mrna-per-cell reference" in sentence for sentence in said)
