"""DISSECT's conditional variational autoencoder: from a sample and a cell type to the type's expression in it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from unmix.deep.adam import Adam
from unmix.deep.nets.dense import glorot
from unmix.deep.profiles import attributed
from unmix.io.units import per_million
from unmix.simulate.pseudobulk import Simulator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmix.contract.method import Task
    from unmix.reference import Reference

#: Number of pseudobulk samples for scaling the expression.
PROBE = 64


class Expression(nn.Module):
    """Encoder to mean and variance of a latent; decoder from latent and type to the change of a starting profile.

    The last layer starts at 0, so that the estimate starts as the profile it is given.

    Parameters
    ----------
    types, genes
        Number of cell types, size of a profile.
    hidden, latent
        Widths of the hidden layers of encoder and decoder (the decoder's in reverse), and of the latent.
    generator
        Source of initial weights and of the latent's noise.
    """

    def __init__(self, types: int, genes: int, hidden: Sequence[int], latent: int, generator: torch.Generator) -> None:
        super().__init__()
        self.types, self.generator = types, generator
        self.encoder = _layers([genes, *hidden, 2 * latent], generator)
        self.decoder = _layers([latent + types, *reversed(hidden), genes], generator)
        nn.init.zeros_(self.decoder[-2])

    def forward(self, sample: torch.Tensor, start: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the expression of every type, and the divergence of the latent from a standard normal (per sample).

        Parameters
        ----------
        sample
            Samples x genes, scaled logarithms.
        start
            Samples x types x genes, scaled likewise: the profiles to start from.

        Returns
        -------
        Samples x types x genes; samples. In evaluation mode the latent is its mean, so that a result is repeatable.
        """
        mean, spread = _run(self.encoder, sample).chunk(2, dim=-1)
        latent = mean
        if self.training:
            noise = torch.empty_like(mean).normal_(generator=self.generator)
            latent = mean + noise * (spread / 2).exp()
        kinds = torch.eye(self.types, device=sample.device).expand(len(sample), -1, -1)
        conditions = torch.cat([latent[:, None].expand(-1, self.types, -1), kinds], dim=-1)
        divergence = (mean**2 + spread.exp() - 1 - spread).sum(-1) / 2
        return functional.relu(start + _run(self.decoder, conditions)), divergence


def learn(task: Task, cells: Reference, mean: np.ndarray) -> dict[str, np.ndarray]:
    """Train the network on pseudobulk whose layers are known; return its arrays.

    The error of a type counts by its share of the pseudobulk sample: the profile of a few cells is mostly chance.

    Parameters
    ----------
    task
        With the recipe of DISSECT.
    cells
        To sum, over the model's genes.
    mean
        Types x genes: the mean cell of each type.
    """
    recipe, rng = task.recipe, task.rng
    simulator = Simulator(cells, recipe.simulation, rng)
    net = Expression(
        *mean.shape, recipe.expression.hidden, recipe.expression.latent, _generator(int(rng.integers(0, 2**63)))
    )
    net.to(task.device)
    if task.device != "cpu":
        net.generator = torch.Generator(task.device).manual_seed(net.generator.initial_seed())
    scale = float(np.quantile(np.log1p(per_million(simulator.layers(PROBE, rng)[0])), 0.99))
    optimiser = Adam(net.parameters(), recipe.expression.lr)
    steps = min(recipe.expression.steps, recipe.train.steps // 2)
    present = np.ones(mean.shape[1], bool)
    for step in range(steps):
        layers, drawn = simulator.layers(recipe.expression.batch, rng)
        shares = drawn / drawn.sum(1, keepdims=True)
        target = np.log1p(per_million(layers)) / scale
        parts = (*_inputs(recipe, mean, layers.sum(1), shares, present, scale), target, shares)
        sample, start, known, certain = (_tensor(part, task.device) for part in parts)
        found, divergence = net(sample, start)
        error = (((found - known) ** 2).sum(-1) * certain).sum(1).mean()
        optimiser.lr = recipe.expression.lr * (1 - step / steps)
        optimiser.zero_grad()
        (error + recipe.expression.divergence * divergence.mean()).backward()
        optimiser.step()
    arrays = {f"expression.{name}": value.cpu().numpy() for name, value in net.state_dict().items()}
    return arrays | {"scale": np.array([scale])}


def express(
    recipe: Any,
    arrays: dict[str, np.ndarray],
    expression: np.ndarray,
    fractions: np.ndarray,
    present: np.ndarray,
    device: str,
) -> np.ndarray:
    """Return the profiles of samples with these fractions, samples x types x genes per million, one by one."""
    mean, scale = arrays["cells"], float(arrays["scale"][0])
    net = Expression(*mean.shape, recipe.expression.hidden, recipe.expression.latent, _generator(0))
    start = "expression."
    net.load_state_dict({n.removeprefix(start): torch.from_numpy(v) for n, v in arrays.items() if n.startswith(start)})
    net.to(device).eval()
    profiles = []
    for i in range(len(expression)):
        inputs = _inputs(recipe, mean, expression[i : i + 1], fractions[i : i + 1], present, scale)
        with torch.no_grad():
            found = net(*(_tensor(part, device) for part in inputs))[0]
        profiles.append(per_million(np.expm1(found[0].cpu().numpy().astype(np.float64) * scale)))
    return np.stack(profiles)


def _inputs(
    recipe: Any, mean: np.ndarray, expression: np.ndarray, fractions: np.ndarray, present: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return what the network sees of samples, and the profiles it starts from; missing genes are as expected."""
    profiles = attributed(fractions, mean, expression, present)
    expected = per_million(fractions @ mean)
    seen = per_million(np.where(present, expression, 0)) * (expected[:, present].sum(1, keepdims=True) / 1e6)
    sample = np.log1p(np.where(present, seen, expected)) / scale
    return sample, np.log1p(profiles) / scale if recipe.expression.start == "attributed" else np.zeros_like(profiles)


def _tensor(values: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _layers(widths: list[int], generator: torch.Generator) -> nn.ParameterList:
    """Return weights and biases in turn."""
    parts: list[torch.Tensor] = []
    for before, after in pairwise(widths):
        parts += [glorot(1, before, after, generator)[0], torch.zeros(after)]
    return nn.ParameterList(parts)


def _run(layers: nn.ParameterList, values: torch.Tensor) -> torch.Tensor:
    for i in range(0, len(layers), 2):
        values = values @ layers[i] + layers[i + 1]
        if i < len(layers) - 2:
            values = functional.relu(values)
    return values
