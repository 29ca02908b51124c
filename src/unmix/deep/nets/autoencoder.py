"""TAPE's autoencoder: an encoder to fractions, and a linear decoder whose weights multiply to a signature."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from unmix.deep.nets.dense import ACTIVATIONS, dropout
from unmix.deep.output import fractions

if TYPE_CHECKING:
    from unmix.deep.recipe import Net


class AutoEncoder(nn.Module):
    """Encoder `net` to fractions and its mirror image without biases and activations, which is one product.

    Parameters
    ----------
    net
        Hidden widths and activation of the encoder; `input_dropout` and `dropout` stand before its layers.
    inputs, outputs
        Number of genes and of cell types.
    generator
        Source of initial weights (as torch draws them, uniform within 1 / sqrt(inputs of the layer)) and of dropout.
    """

    def __init__(self, net: Net, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.net, self.generator = net, generator
        self.rates = (net.input_dropout, *net.dropout, *[0.0] * len(net.hidden))
        widths = [inputs, *net.hidden, outputs]
        pairs = list(pairwise(widths))
        self.encoder = nn.ParameterList(_uniform((after, before), before, generator) for before, after in pairs)
        self.biases = nn.ParameterList(_uniform((after,), before, generator) for before, after in pairs)
        self.decoder = nn.ParameterList(
            _uniform((before, after), before, generator) for before, after in pairwise(widths[::-1])
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what the encoder makes of samples, not yet non-negative and summing to 1 (batch x types)."""
        values = inputs
        last = len(self.encoder) - 1
        for depth, (weight, bias) in enumerate(zip(self.encoder, self.biases, strict=True)):
            values = functional.linear(dropout(values, self.rates[depth], self), weight, bias)
            if depth < last:
                values = ACTIVATIONS[self.net.activation](values)
        return values

    def signature(self) -> torch.Tensor:
        """Return the signature, types x genes: the product of the decoder's weights, where it is positive."""
        product = self.decoder[0]
        for weight in self.decoder[1:]:
            product = product @ weight
        return functional.relu(product)


def adapt(
    net: AutoEncoder, inputs: torch.Tensor, rounds: int, steps: int, lr: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Adapt `net` to samples: the decoder to rebuild them, then the encoder, each held to what it said before.

    Parameters
    ----------
    net
        Trained; changed in place.
    inputs
        Samples x genes: what the encoder sees and the decoder shall rebuild.
    rounds, steps
        Rounds of so many steps of the decoder and as many of the encoder.
    lr
        Of Adam.

    Returns
    -------
    Fractions (samples x types) and signature (types x genes).
    """
    with torch.no_grad():
        first, signature = fractions(net(inputs), "relu_sum"), net.signature()
    decoder = torch.optim.Adam(net.decoder.parameters(), lr=lr)
    encoder = torch.optim.Adam([*net.encoder.parameters(), *net.biases.parameters()], lr=lr)
    for _ in range(rounds):
        with torch.no_grad():
            encoded = net(inputs)
        for _ in range(steps):
            adapted = net.signature()
            loss = _distance(encoded @ adapted, inputs) + _distance(adapted, signature)
            decoder.zero_grad()
            loss.backward()
            decoder.step()
        with torch.no_grad():
            adapted = net.signature()
        for _ in range(steps):
            encoded = net(inputs)
            loss = _distance(encoded @ adapted, inputs) + _distance(encoded, first)
            encoder.zero_grad()
            loss.backward()
            encoder.step()
    with torch.no_grad():
        return fractions(net(inputs), "relu_sum"), net.signature()


def _distance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one - other).abs().mean()


def _uniform(shape: tuple[int, ...], inputs: int, generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape).uniform_(-(inputs**-0.5), inputs**-0.5, generator=generator))
