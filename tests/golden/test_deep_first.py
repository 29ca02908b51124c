"""Digitaldlsorter, Autoptcr, CONVdeconv and NNICE: what their sources say, and that every recipe learns.

No original can be run (no weights, no code, or TensorFlow 1 and ZINB-WaVE), so there are no numbers to reach.
"""

from __future__ import annotations

from unittest.mock import Mock

import numpy as np
import pytest

from unmix import engine, methods
from unmix.simulate.toy import toy

#: Settings with which a recipe learns in seconds; published ones take tens of thousands of steps.
SHORT = {
    ("digitaldlsorter", "default"): [],
    ("digitaldlsorter", "published"): ["train.steps=800"],
    ("digitaldlsorter", "published_r"): [],
    ("autoptcr", "default"): [],
    ("autoptcr", "published"): ["train.steps=350", "simulation.samples=1000"],
    ("convdeconv", "default"): [],
    ("convdeconv", "published"): ["simulation.samples=500"],
    ("nnice", "default"): [],
    ("nnice", "published"): ["train.steps=800", "simulation.samples=2000"],
}
#: RMSE of a recipe that learned, as a share of that of equal fractions; that of the slowest after 25 s of training.
LEARNED, SLOWEST = 0.6, {("autoptcr", "published"): 0.85}


@pytest.fixture(scope="module")
def data():
    return toy()


@pytest.mark.parametrize(("name", "recipe"), SHORT)
def test_every_recipe_is_far_better_than_equal_fractions(data, name, recipe):
    model = engine.train(name, data[0], recipe=recipe, settings=SHORT[name, recipe], quick=True, device="cpu")
    truth = data[1].obsm["cell_fractions"]
    found = engine.predict(model, data[1], device="cpu").values[truth.columns]
    errors = [np.sqrt(((values - truth) ** 2).to_numpy().mean()) for values in (found, 1 / truth.shape[1])]
    assert errors[0] < SLOWEST.get((name, recipe), LEARNED) * errors[1]


@pytest.mark.parametrize(("recipe", "single"), [("published", 9), ("published_r", 0)])
def test_digitaldlsorter_learns_from_single_cells_too(data, monkeypatch, recipe, single):
    method, seen = type(methods.get("digitaldlsorter")), []
    batch = method.batch
    monkeypatch.setattr(method, "batch", lambda *given: seen.append(batch(*given)) or seen[-1])
    engine.train("digitaldlsorter", data[0], recipe=recipe, settings=["train.steps=1"], quick=True, device="cpu")
    inputs, truth = (part.numpy() for part in seen[0])
    assert len(inputs) == len(truth) == method.recipes[recipe].train.batch
    assert np.allclose(truth.sum(1), 1, atol=1e-6)
    if single:  # the last of the batch: 1 in 11.5
        assert (truth[-single:].max(1) == 1).all()
        assert (truth[:-single].max(1) == 1).mean() < 0.1
        lowest = np.isclose(inputs, inputs.min(1, keepdims=True)).mean(1)
        assert lowest[-single:].min() > 2 * lowest[:-single].max()  # a cell shows few of the genes


def test_digitaldlsorter_loss_is_the_divergence():
    import torch
    from scipy.stats import entropy

    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(1, 7, 4)))
    truth = rng.dirichlet(np.ones(4), 7)
    batch = torch.zeros(7, 2), torch.from_numpy(truth)
    net = Mock(return_value=logits, output="softmax")
    found = methods.get("digitaldlsorter").loss(net, batch, None).item()
    assert found == pytest.approx(entropy(truth, logits.softmax(-1).numpy()[0], axis=1).mean(), abs=1e-6)


def test_autoptcr_keeps_the_order_of_its_genes(data):
    def genes(order: str) -> list[str]:
        settings = [f"prep.order={order}", "train.steps=1"]
        return engine.train("autoptcr", data[0], settings=settings, quick=True, device="cpu").genes

    by_name, by_correlation = genes("name"), genes("correlation")
    assert by_name == sorted(by_name) != by_correlation
    assert sorted(by_correlation) == by_name


def test_nnice_bounds_are_its_outer_quantiles(data):
    model = engine.train("nnice", data[0], quick=True, device="cpu")
    method, bulk = methods.get("nnice"), data[1].to_df()[model.genes].to_numpy()
    present = np.ones(len(model.genes), bool)
    _, (lower, upper) = method.estimate_with_bounds(model, bulk, present, "cpu")
    truth = data[1].obsm["cell_fractions"][model.cell_types].to_numpy()
    assert (lower < upper).all()
    assert 0.5 < ((lower <= truth) & (truth <= upper)).mean() <= 1
    assert (upper - lower).mean() < 0.5
