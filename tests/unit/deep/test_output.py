from __future__ import annotations

import numpy as np
import pytest
import torch

from unmix import engine
from unmix.deep.losses import kullback_leibler
from unmix.deep.output import fractions
from unmix.errors import UsageError
from unmix.methods import all_methods
from unmix.simulate.toy import toy

SCORES = torch.tensor([[[2.0, -1.0, 0.5]], [[0.0, 1.0, 3.0]]])
LAYERS = {"softmax": np.exp, "relu_sum": lambda x: np.maximum(x, 0), "logistic": lambda x: 1 / (1 + np.exp(-x))}


@pytest.mark.parametrize("layer", LAYERS)
def test_fractions_equal_the_formula(layer):
    expected = LAYERS[layer](SCORES.numpy().astype(float))
    expected /= expected.sum(-1, keepdims=True)
    found = fractions(SCORES, layer)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    truth = torch.tensor([[0.2, 0.0, 0.8]])
    known, clipped = np.maximum(truth.numpy(), 1e-7), np.maximum(expected, 1e-7)
    wanted = (known * np.log(known / clipped)).sum(-1).mean(-1).sum()
    np.testing.assert_allclose(kullback_leibler(SCORES, truth, layer), wanted, rtol=1e-5)


@pytest.fixture(scope="module")
def data():
    return toy(genes=300, samples=12)


DENSE = [name for name, kind in all_methods().items() if "output" in type(kind.recipes["default"]).model_fields]


def test_the_methods_with_dense_networks_have_the_setting():
    assert {"scaden", "digitaldlsorter", "hascad", "ucdbase", "dissect", "autoptcr", "convdeconv", "ctcrna"} <= {*DENSE}
    with pytest.raises(UsageError, match="output"):  # of others it is refused, not ignored
        engine.resolve(all_methods()["nnice"], "default", ["output=logistic"])


@pytest.mark.parametrize("name", ["scaden", "digitaldlsorter", "dissect"])  # one for each loss
def test_the_layer_changes_training_and_estimates_and_stands_in_the_model(name, data, tmp_path):
    reference, bulk = data[:2]
    found = {}
    for layer in LAYERS:
        settings = ["train.steps=4", "train.validate_every=4", f"output={layer}"]
        model = engine.train(name, reference, bulk=bulk, settings=settings, device="cpu")
        model.save(tmp_path / layer)
        found[layer] = engine.predict(type(model).load(tmp_path / layer), bulk, device="cpu").values.to_numpy()
        assert model.recipe["output"] == layer
        np.testing.assert_allclose(found[layer].sum(1), 1, atol=1e-6)
    assert not np.allclose(found["softmax"], found["relu_sum"], atol=1e-4)
    assert not np.allclose(found["softmax"], found["logistic"], atol=1e-4)
