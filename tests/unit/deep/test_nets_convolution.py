from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from unmix.deep.nets.convolution import Attention, Convolutions
from unmix.deep.nets.quantile import Quantiles, pinball
from unmix.deep.recipe import Net


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def inputs(samples: int, genes: int) -> torch.Tensor:
    return torch.randn(samples, genes, generator=generator(1))


def copied(layer: nn.Module, weight: torch.Tensor, bias: torch.Tensor) -> nn.Module:
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


def test_convolutions_are_those_of_plain_layers():
    ours = Convolutions((32, 16, 8, 4), 3, 2, (Net(hidden=(12,)),), 70, 5, generator())
    for bias in [*ours.filter_biases, ours.first_bias, *ours.biases]:
        nn.init.normal_(bias, generator=generator(2))
    layers = []
    for before, after, weight, bias in zip(
        (1, 32, 16, 8), (32, 16, 8, 4), ours.filters, ours.filter_biases, strict=True
    ):
        layers += [copied(nn.Conv1d(before, after, 3, padding=1), weight, bias), nn.ReLU(), nn.MaxPool1d(2)]
    hidden = copied(nn.Linear(16, 12), ours.first, ours.first_bias)
    output = copied(nn.Linear(12, 5), ours.weights[0][0].T, ours.biases[0][0, 0])
    plain = nn.Sequential(*layers, nn.Flatten(), hidden, nn.ReLU(), output)
    assert torch.allclose(ours(inputs(6, 70))[0], plain(inputs(6, 70)[:, None]), atol=1e-5)


def test_self_attention_is_that_of_torch():
    ours = Attention(8, 5, 3, 2, (Net(hidden=(12,)),), 40, 5, generator())
    plain = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    plain.in_proj_weight = nn.Parameter(ours.project.transpose(1, 2).flatten(0, 1))
    plain.out_proj.weight = nn.Parameter(ours.join.T)
    tokens = inputs(30, 8).unflatten(0, (3, 10))
    assert torch.allclose(ours._attend(tokens), plain(tokens, tokens, tokens)[0], atol=1e-5)


@pytest.mark.parametrize("genes", [1, 2, 5, 17, 100])
def test_any_number_of_genes_gives_logits(genes):
    for net in (
        Convolutions((32, 16, 8, 4), 3, 2, (Net(hidden=(12,)),), genes, 5, generator()),
        Attention(8, 7, 4, 2, (Net(hidden=(12,), norm="hidden"),), genes, 5, generator()),
    ):
        logits = net(inputs(6, genes))
        assert logits.shape == (1, 6, 5)
        assert logits.isfinite().all()


def test_weights_come_from_the_generator_alone():
    before = torch.get_rng_state()
    nets = (Net(hidden=(12,), dropout=(0.5,)),)
    Attention(8, 7, 4, 2, nets, 30, 5, generator())(inputs(6, 30))
    Convolutions((4, 2), 3, 2, nets, 30, 5, generator())(inputs(6, 30))
    assert torch.equal(torch.get_rng_state(), before)


def options(**changes) -> dict:
    chosen = {"apart": True, "bounded": True, "nonnegative": False, "inputs": 10, "types": 3, "quantiles": 5}
    return chosen | changes


def quantiles(**changes) -> Quantiles:
    return Quantiles(Net(hidden=(6,)), **options(**changes), generator=generator())


@pytest.mark.parametrize("apart", [True, False])
def test_quantiles_never_cross(apart):
    found = quantiles(apart=apart).eval()(inputs(50, 10))
    assert found.shape == (50, 3, 5)
    assert (found.diff(dim=-1) >= 0).all()
    assert ((found > 0) & (found < 1)).all()


def test_quantiles_of_a_type_come_from_its_networks():
    net = quantiles(bounded=False).eval()
    before = net(inputs(50, 10))
    with torch.no_grad():
        net.biases[0][5:10] += 1  # the second of three types, five networks each
    change = net(inputs(50, 10)) - before
    assert torch.allclose(change, torch.tensor([0.0, 1.0, 0.0])[:, None].expand(3, 5), atol=1e-6)


def test_linear_network_is_linear_quantile_regression():
    from sklearn.linear_model import QuantileRegressor
    from sklearn.metrics import mean_pinball_loss

    rng = np.random.default_rng(0)
    genes = rng.uniform(-1, 1, (200, 10))
    truth = 0.3 + genes @ np.linspace(-0.2, 0.2, 10) + (0.1 + 0.05 * genes[:, 0]) * rng.normal(size=200)
    net = Quantiles(Net(hidden=()), **options(bounded=False, types=1, quantiles=3), generator=generator())
    levels = torch.tensor([0.1, 0.5, 0.9])
    values, wanted = torch.tensor(genes, dtype=torch.float32), torch.tensor(truth, dtype=torch.float32)[:, None]
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(400):
        optimiser.param_groups[0]["lr"] = 0.01 * (1 - step / 400)
        optimiser.zero_grad()
        pinball(net(values), wanted, levels).mean().backward()
        optimiser.step()
    net.eval()
    losses = pinball(net(values), wanted, levels).mean((0, 1))
    for k, level in enumerate(levels.tolist()):
        assert np.isclose(losses[k].item(), mean_pinball_loss(truth, net(values)[:, 0, k].detach(), alpha=level))
        exact = QuantileRegressor(quantile=level, alpha=0).fit(genes, truth).predict(genes)
        assert losses[k].item() < 1.01 * mean_pinball_loss(truth, exact, alpha=level)


def test_biases_stay_non_negative_where_declared():
    net = quantiles(nonnegative=True)
    with torch.no_grad():
        net.first_bias -= 1
    net(inputs(5, 10))
    assert (net.first_bias == 0).all()
