"""Networks as data: dense members of an ensemble in one batched computation. Imported late (imports torch)."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmix.recipe import Net

ACTIVATIONS = {"relu": functional.relu, "relu6": functional.relu6, "celu": functional.celu}


class Ensemble(nn.Module):
    """Dense networks side by side, each ending in a softmax over cell types.

    All members see the same input, so their first layers are one matrix product; members of equal widths then
    run as one batched product. Weights start as in Keras (glorot uniform, zero bias), which the originals use.

    Parameters
    ----------
    nets
        Members; equal ones must stand together.
    inputs, outputs
        Number of genes and of cell types.
    generator
        Source of initial weights and dropout masks.
    """

    def __init__(self, nets: Sequence[Net], inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator
        self.groups = [(net, len(list(same))) for net, same in groupby(nets)]
        first = [_glorot(1, inputs, net.hidden[0], generator)[0].T for net in nets]
        self.first = nn.Parameter(torch.cat(first).contiguous())
        self.first_bias = nn.Parameter(torch.zeros(len(self.first)))
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for net, members in self.groups:
            widths = [*net.hidden, outputs]
            for before, after in pairwise(widths):
                self.weights.append(_glorot(members, before, after, generator))
                self.biases.append(torch.zeros(members, 1, after))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits, members x batch x types."""
        hidden = functional.linear(inputs, self.first, self.first_bias)
        layers = iter(zip(self.weights, self.biases, strict=True))
        outputs, start = [], 0
        for net, members in self.groups:
            width = members * net.hidden[0]
            values = hidden[:, start : start + width].unflatten(1, (members, net.hidden[0])).transpose(0, 1)
            start += width
            for depth in range(len(net.hidden)):
                values = ACTIVATIONS[net.activation](values)
                if net.dropout:
                    values = self._dropout(values, net.dropout[depth])
                weight, bias = next(layers)
                values = torch.baddbmm(bias, values, weight)
            outputs.append(values)
        return torch.cat(outputs)

    def _dropout(self, values: torch.Tensor, rate: float) -> torch.Tensor:
        if not self.training or rate == 0:
            return values
        mask = torch.empty_like(values).bernoulli_(1 - rate, generator=self.generator)
        return values * mask / (1 - rate)


def _glorot(members: int, inputs: int, outputs: int, generator: torch.Generator) -> torch.Tensor:
    bound = (6 / (inputs + outputs)) ** 0.5
    return torch.empty(members, inputs, outputs).uniform_(-bound, bound, generator=generator)
