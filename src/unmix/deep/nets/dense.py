"""Dense networks as data: the members of an ensemble in one batched computation."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmix.deep.recipe import Net

ACTIVATIONS = {"relu": functional.relu, "relu6": functional.relu6, "celu": functional.celu}


class Ensemble(nn.Module):
    """Dense networks side by side, each giving a logit per cell type.

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
        self.output = "softmax"  # unless the recipe says otherwise
        self.groups = [(net, len(list(same))) for net, same in groupby(nets)]
        self.outputs = outputs
        widths = [(*net.hidden, outputs)[0] for net in nets]
        first = torch.empty(sum(widths), inputs)
        for rows, width in zip(first.split(widths), widths, strict=True):  # torch.cat of shapes imports its compiler
            rows.copy_(glorot(1, inputs, width, generator)[0].T)
        self.first = nn.Parameter(first)
        self.first_bias = nn.Parameter(torch.zeros(len(self.first)))
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        self.norms = nn.ModuleList()
        for net, members in self.groups:
            widths = [*net.hidden, outputs]
            for before, after in pairwise(widths):
                self.weights.append(glorot(members, before, after, generator))
                self.biases.append(torch.zeros(members, 1, after))
            self.norms.extend(BatchNorm(members, widths[depth]) for depth in _normed(net))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits, members x batch x types.

        Parameters
        ----------
        inputs
            Batch x genes; or members x batch x genes, where every member has a batch of its own (one group only).
        """
        inputs = dropout(inputs, self.groups[0][0].input_dropout, self)
        if inputs.dim() == 2:
            hidden = functional.linear(inputs, self.first, self.first_bias)
        else:
            weight, bias = (part.unflatten(0, (len(inputs), -1)) for part in (self.first, self.first_bias))
            hidden = torch.baddbmm(bias[:, None], inputs, weight.transpose(1, 2)).transpose(0, 1).flatten(1)
        layers, norms = iter(zip(self.weights, self.biases, strict=True)), iter(self.norms)
        outputs, start = [], 0
        for net, members in self.groups:
            width = (*net.hidden, self.outputs)[0]
            values = hidden[:, start : start + members * width].unflatten(1, (members, width)).transpose(0, 1)
            start += members * width
            for depth in range(len(net.hidden)):
                if depth in _normed(net):
                    values = next(norms)(values)
                values = ACTIVATIONS[net.activation](values)
                if net.dropout:
                    values = dropout(values, net.dropout[depth], self)
                weight, bias = next(layers)
                values = torch.baddbmm(bias, values, weight)
            outputs.append(next(norms)(values) if net.norm == "all" else values)
        return torch.cat(outputs)


class BatchNorm(nn.Module):
    """Batch normalisation of every member on its own (members x batch x width), with the constants of Keras."""

    def __init__(self, members: int, width: int, momentum: float = 0.01, eps: float = 1e-3) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.scale = nn.Parameter(torch.ones(members, 1, width))
        self.shift = nn.Parameter(torch.zeros(members, 1, width))
        self.register_buffer("mean", torch.zeros(members, 1, width))
        self.register_buffer("variance", torch.ones(members, 1, width))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Normalise with the batch's moments in training, with the running ones otherwise."""
        mean, variance = self.mean, self.variance
        if self.training:
            mean, variance = values.mean(1, keepdim=True), values.var(1, keepdim=True, unbiased=False)
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.variance.lerp_(variance, self.momentum)
        return (values - mean) * torch.rsqrt(variance + self.eps) * self.scale + self.shift


def dropout(values: torch.Tensor, rate: float, net: nn.Module) -> torch.Tensor:
    """Drop values while `net` is training; the mask comes from ``net.generator``, never from global state."""
    if not net.training or rate == 0:
        return values
    mask = torch.empty_like(values).bernoulli_(1 - rate, generator=net.generator)
    return values * mask / (1 - rate)


def glorot(members: int, inputs: int, outputs: int, generator: torch.Generator) -> torch.Tensor:
    """Return initial weights, members x inputs x outputs, uniform within sqrt(6 / (inputs + outputs))."""
    bound = (6 / (inputs + outputs)) ** 0.5
    return torch.empty(members, inputs, outputs).uniform_(-bound, bound, generator=generator)


def _normed(net: Net) -> range | tuple[int, ...]:
    """Return the layers that batch normalisation follows; the output is the one after the last hidden layer."""
    layers = {"none": 0, "hidden": len(net.hidden), "all": len(net.hidden) + 1}[net.norm]
    return net.normed or range(layers)
