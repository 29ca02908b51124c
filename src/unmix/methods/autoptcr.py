"""Autoptcr: a one-dimensional convolutional network over the genes (Liu et al. 2022).

Four convolutions of 32, 16, 8 and 4 filters, each with maximum pooling, then a hidden dense layer and a softmax;
squared error. A convolution sees neighbouring genes, so their order is declared and stored in the model (`prep.order`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from unmix.deep.recipe import PREP, SIMULATION, TRAIN, Dense, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.methods import register
from unmix.settings import Count
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch


class Recipe(Dense):
    """Recipe of Autoptcr."""

    filters: Annotated[tuple[Count, ...], Field(min_length=1)] = (32, 16, 8, 4)
    """Paper, Algorithm 1: four convolutions, each with half the filters of the one before."""
    kernel: Count = 3
    """Genes that a filter sees (our choice; the paper does not say)."""
    pool: Count = 2
    """Window of maximum pooling (our choice; the paper gives none)."""


@register
class Autoptcr(DeepMethod):
    """Squared error of softmax outputs."""

    name = "autoptcr"
    recipes = {
        "default": Recipe(
            prep=PREP.changed(order="correlation"),
            simulation=SIMULATION,
            nets=(Net(hidden=(128,)),),
            train=TRAIN.changed(lr=3e-3),
        ),
        "published": Recipe(
            prep=Prep(genes="variance", min_variance=0.1, order="name", depth=0, sample="minmax"),
            simulation=Simulation(  # as published Scaden, whose functions the code uses
                composition="uniform", sparse=0.5, cells=100, rounding="floor", label="requested", samples=1000
            ),
            nets=(Net(hidden=(128,)),),
            train=Train(steps=2000, batch=128, lr=1e-3),  # paper
        ),
    }

    def network(self, recipe: Recipe, inputs: int, outputs: int, generator: torch.Generator) -> Any:
        """Build the convolutions and the dense layers that the recipe declares."""
        from unmix.deep.nets.convolution import Convolutions

        return Convolutions(recipe.filters, recipe.kernel, recipe.pool, recipe.nets, inputs, outputs, generator)
