"""TAPE and DISSECT: what the originals' code does, step by step, and the numbers of our first version on toy data."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unmix import engine, methods
from unmix.deep.nets.autoencoder import AutoEncoder, adapt
from unmix.deep.output import fractions
from unmix.deep.recipe import Net
from unmix.methods.dissect import weight
from unmix.simulate.toy import toy

NET = Net(hidden=(512, 256, 128, 64), activation="celu", input_dropout=0.5, dropout=(0.5, 0.5, 0.5, 0.0))


@pytest.fixture(scope="module")
def net():
    return AutoEncoder(NET, 40, 3, torch.Generator().manual_seed(0)).eval()


def test_encoder_and_signature_of_tape_are_those_of_the_code(net):
    """Dropout, linear, CELU four times, then linear; five linear layers whose product is the signature."""
    layers = []
    for weights, bias in zip(net.encoder, net.biases, strict=True):
        linear = torch.nn.Linear(weights.shape[1], weights.shape[0])
        linear.weight.data, linear.bias.data = weights.data, bias.data
        layers += [torch.nn.Dropout(), linear, torch.nn.CELU()]
    original = torch.nn.Sequential(*layers[:-1])  # the last layer has no activation
    del original[-2]  # nor dropout before it
    values = torch.rand(7, 40, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(original.eval()(values), net(values), atol=1e-6)
    product = torch.linalg.multi_dot([*net.decoder])
    assert torch.allclose(net.signature(), product.clamp(min=0), atol=1e-7)
    assert [tuple(part.shape) for part in net.decoder] == [(3, 64), (64, 128), (128, 256), (256, 512), (512, 40)]


def test_a_sample_of_which_nothing_is_positive_has_no_missing_values():
    assert torch.equal(
        fractions(torch.tensor([[-1.0, -2.0], [3.0, 1.0]]), "relu_sum"), torch.tensor([[0.0, 0.0], [0.75, 0.25]])
    )


def test_adapting_rebuilds_the_samples_better(net):
    values = torch.rand(4, 40, generator=torch.Generator().manual_seed(2))
    before = (fractions(net(values), "relu_sum") @ net.signature() - values).abs().mean()
    found, signature = adapt(net, values, rounds=2, steps=20, lr=1e-3)
    assert (found @ signature - values).abs().mean() < before
    assert torch.allclose(found.sum(1), torch.ones(4))


def test_consistency_of_dissect_follows_the_steps_of_the_code():
    recipe = methods.get("dissect").recipes["published"]
    recipe = recipe.changed(train=recipe.train.changed(steps=5000))
    steps = {0: 0.0, 1999: 0.0, 2000: 15.0, 3999: 15.0, 4000: 10.0, 4999: 10.0}
    for step, expected in steps.items():
        assert weight(SimpleNamespace(recipe=recipe, step=step)) == expected


@pytest.mark.parametrize(
    ("name", "rmse"),
    [("tape", 0.0394), ("dissect", 0.0359)],
)
def test_the_numbers_of_the_first_version(name, rmse):
    """RMSE on the toy bulk after 60 steps; kernels of other machines round otherwise, hence the tolerance."""
    reference, bulk = toy()
    model = engine.train(name, reference, bulk=bulk, quick=True, device="cpu")
    truth = bulk.obsm["cell_fractions"][model.cell_types].to_numpy()
    found = engine.predict(model, bulk, device="cpu").values.to_numpy()
    assert np.sqrt(((found - truth) ** 2).mean()) == pytest.approx(rmse, abs=0.01)
