"""Networks for ranges of the malignant share, all in one batched computation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from unmix.deep.nets.dense import Ensemble

if TYPE_CHECKING:
    from unmix.deep.recipe import Net


class Ranges(Ensemble):
    """One network for each range; what each is off by on held-out pseudobulk of its range stays with it.

    Parameters
    ----------
    net
        What each of the networks is.
    number
        Of ranges.
    floor
        How the next range is chosen (see the recipe of DeepDecon).
    inputs, outputs
        Numbers of genes and of cell types.
    generator
        Source of initial weights and dropout masks.
    """

    def __init__(
        self, net: Net, number: int, floor: bool, inputs: int, outputs: int, generator: torch.Generator
    ) -> None:
        super().__init__((net,) * number, inputs, outputs, generator)
        self.floor = floor
        self.register_buffer("errors", torch.tensor([-1.0, 1.0]).repeat(number, 1))  # nothing is known yet

    def kernels(self) -> list[torch.Tensor]:
        """Return the kernels of the hidden layers, which the penalty is on."""
        return [self.first, *self.weights[:-1]]

    def start_from(self, one: Ranges) -> None:
        """Give every network the weights of the only one of `one`."""
        with torch.no_grad():
            for mine, given in zip(self.parameters(), one.parameters(), strict=True):
                mine.copy_(given.repeat(len(mine) // len(given), *[1] * (mine.dim() - 1)))
