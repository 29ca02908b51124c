"""Networks that give quantiles of every fraction, all types and quantiles in one batched computation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from unmix.deep.nets.dense import Ensemble

if TYPE_CHECKING:
    from unmix.deep.recipe import Net


class Quantiles(Ensemble):
    """A network for every type, or for every type and quantile; the quantiles it gives never cross.

    Parameters
    ----------
    net
        Each of the networks.
    apart
        Whether every quantile has a network of its own, or shares the hidden layers with the others of its type.
    bounded
        Whether outputs pass a logistic function, so that quantiles lie between 0 and 1; else they are linear.
    nonnegative
        Whether the biases of the first layer stay at 0 or above.
    inputs, types, quantiles
        Numbers of genes, of cell types and of quantiles.
    generator
        Source of initial weights and dropout masks.
    """

    def __init__(
        self,
        net: Net,
        *,
        apart: bool,
        bounded: bool,
        nonnegative: bool,
        inputs: int,
        types: int,
        quantiles: int,
        generator: torch.Generator,
    ) -> None:
        copies, outputs = (types * quantiles, 1) if apart else (types, quantiles)
        super().__init__((net,) * copies, inputs, outputs, generator)
        self.types, self.bounded, self.nonnegative = types, bounded, nonnegative

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return batch x types x quantiles from batch x genes.

        Every network trains for its own quantile; afterwards they are put in ascending order, which never makes the
        pinball loss worse (Chernozhukov et al. 2010).
        """
        if self.nonnegative:
            with torch.no_grad():
                self.first_bias.clamp_(min=0)
        values = super().forward(inputs)  # copies x batch x outputs
        values = values.unflatten(0, (self.types, -1)).permute(2, 0, 1, 3).flatten(2)
        values = values if self.training else values.sort(-1).values
        return values.sigmoid() if self.bounded else values


def pinball(estimate: torch.Tensor, truth: torch.Tensor, quantiles: torch.Tensor) -> torch.Tensor:
    """Return the pinball loss, batch x types x quantiles (Koenker and Bassett 1978).

    Parameters
    ----------
    estimate
        Batch x types x quantiles.
    truth
        Batch x types.
    quantiles
        Between 0 and 1.
    """
    error = truth[..., None] - estimate
    return torch.maximum(quantiles * error, (quantiles - 1) * error)
