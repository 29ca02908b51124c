"""Sweetwater's network: an encoder, a decoder that rebuilds its input, and a head that reads fractions of the code."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from unmix.deep.nets.dense import ACTIVATIONS, glorot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unmix.deep.recipe import Net


class Latent(nn.Module):
    """Dense layers: genes to a code of the last hidden width, back to genes, and from the code to a score per type.

    Parameters
    ----------
    net
        Hidden widths of the encoder, the last of which is that of the code, and the activation.
    inputs, outputs
        Number of genes and of cell types.
    generator
        Source of initial weights (glorot uniform, zero bias).
    """

    def __init__(self, net: Net, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.activation, code = ACTIVATIONS[net.activation], net.hidden[-1]
        widths = [inputs, *net.hidden]
        for name, own in (("encoder", widths), ("decoder", widths[::-1]), ("head", [code, code, outputs])):
            pairs = list(pairwise(own))
            weights = nn.ParameterList(glorot(1, before, after, generator)[0] for before, after in pairs)
            biases = nn.ParameterList(torch.zeros(after) for _, after in pairs)
            setattr(self, name, nn.ModuleList([weights, biases]))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the scores (batch x types)."""
        return self._run(self.head, self._run(self.encoder, inputs))

    def rebuilt(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what the decoder makes of the code (batch x genes)."""
        return self._run(self.decoder, self._run(self.encoder, inputs))

    def _run(self, layers: Sequence[nn.ParameterList], values: torch.Tensor) -> torch.Tensor:
        """Run dense layers, with the activation between them."""
        for depth, (weight, bias) in enumerate(zip(*layers, strict=True)):
            values = functional.linear(self.activation(values) if depth else values, weight.T, bias)
        return values
