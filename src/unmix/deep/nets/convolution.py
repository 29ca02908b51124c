"""Networks that convolve over the genes in the order of the model."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from unmix.deep.nets.dense import BatchNorm, Ensemble, glorot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmix.deep.recipe import Net

#: Share of a batch in the running moments of :class:`Attention`, which has no original in Keras: right after few steps.
MOMENTUM = 0.1


class Convolutions(Ensemble):
    """Convolutions over the genes, each followed by ReLU and maximum pooling; dense layers on what is left (Autoptcr).

    Parameters
    ----------
    filters
        Number of filters of each convolution.
    kernel
        Genes that a filter sees; the ends are padded with zeros, so that a convolution keeps the length.
    pool
        Window of maximum pooling, in neighbouring positions.
    nets, inputs, outputs, generator
        As for :class:`Ensemble`; `nets` are the dense layers.
    """

    def __init__(
        self,
        filters: Sequence[int],
        kernel: int,
        pool: int,
        nets: Sequence[Net],
        inputs: int,
        outputs: int,
        generator: torch.Generator,
    ) -> None:
        length = inputs
        for _ in filters:  # nothing is pooled where nothing would be left
            length = max(length // pool, 1)
        super().__init__(nets, filters[-1] * length, outputs, generator)
        self.pool = pool
        self.filters = nn.ParameterList(
            convolution(before, after, kernel, generator) for before, after in pairwise([1, *filters])
        )
        self.filter_biases = nn.ParameterList(torch.zeros(number) for number in filters)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits, members x batch x types, from batch x genes."""
        values = inputs[:, None]
        for weight, bias in zip(self.filters, self.filter_biases, strict=True):
            before = (weight.shape[-1] - 1) // 2  # zeros at both ends keep the length
            values = functional.pad(values, (before, weight.shape[-1] - 1 - before))
            values = functional.relu(convolved(values, weight) + bias[:, None])
            values = functional.max_pool1d(values, min(self.pool, values.shape[-1]))
        return super().forward(values.flatten(1))


class Attention(Ensemble):
    """A convolution makes tokens of the genes, a block of self-attention compares them, dense layers read all of them.

    As in Sun et al. 2024 in outline; the details are ours (see :mod:`unmix.methods.convdeconv`).

    Parameters
    ----------
    filters, kernel, stride
        Of the convolution: width of a token, genes it sees, genes from one token to the next.
    heads
        Of the self-attention.
    nets, inputs, outputs, generator
        As for :class:`Ensemble`; `nets` are the dense layers.
    """

    def __init__(
        self,
        filters: int,
        kernel: int,
        stride: int,
        heads: int,
        nets: Sequence[Net],
        inputs: int,
        outputs: int,
        generator: torch.Generator,
    ) -> None:
        tokens = (inputs + 2 * (kernel // 2) - kernel) // stride + 1
        super().__init__(nets, tokens * filters, outputs, generator)
        self.kernel, self.stride, self.heads = kernel, stride, heads
        self.filter = nn.Parameter(convolution(1, filters, kernel, generator))
        self.norm = BatchNorm(1, filters)
        for norm in (self.norm, *self.norms):
            norm.momentum = MOMENTUM
        self.position = nn.Parameter(torch.empty(tokens, filters).normal_(0, 0.02, generator=generator))
        self.project = nn.Parameter(glorot(3, filters, filters, generator))
        self.join = nn.Parameter(glorot(1, filters, filters, generator)[0])
        self.scale = nn.Parameter(torch.ones(filters))
        self.shift = nn.Parameter(torch.zeros(filters))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits, members x batch x types, from batch x genes."""
        values = functional.pad(inputs[:, None], (self.kernel // 2, self.kernel // 2))
        values = convolved(values, self.filter, self.stride).transpose(1, 2)  # batch x tokens x filters
        values = functional.relu(self.norm(values.flatten(0, 1)[None])[0]).unflatten(0, values.shape[:2])
        values = values + self.position
        values = functional.layer_norm(values + self._attend(values), self.scale.shape)
        values = values * self.scale + self.shift  # apart: the gradient of both in one depends on the threads
        return super().forward(values.flatten(1))

    def _attend(self, values: torch.Tensor) -> torch.Tensor:
        """Return what every token takes from the others."""
        query, key, value = (
            (values @ weight).unflatten(-1, (self.heads, -1)).transpose(1, 2) for weight in self.project
        )
        seen = functional.scaled_dot_product_attention(query, key, value)
        return seen.transpose(1, 2).flatten(2) @ self.join


def convolved(values: torch.Tensor, weight: torch.Tensor, stride: int = 1) -> torch.Tensor:
    """Convolve batch x channels x genes with filters x channels x kernel; return batch x filters x positions.

    A product of matrices: its gradient has the same bytes with any number of threads, that of ``conv1d`` has not.
    """
    return torch.einsum("bclk,fck->bfl", values.unfold(-1, weight.shape[-1], stride), weight)


def convolution(channels: int, filters: int, kernel: int, generator: torch.Generator) -> torch.Tensor:
    """Return initial weights, filters x channels x kernel, as Keras draws them (glorot uniform)."""
    return glorot(kernel, channels, filters, generator).permute(2, 1, 0).contiguous() / kernel**0.5
