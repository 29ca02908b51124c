"""CONVdeconv: convolution, attention and a two-layer perceptron (Sun et al. 2024).

A convolution makes tokens of neighbouring genes; self-attention with learned positions lets the tokens see each other;
a perceptron reads all of them. Genes that vary together are neighbours (`prep.order=correlation`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from unmix.deep.recipe import PREP, SIMULATION, TRAIN, Deep, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.methods import register
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Recipe(Deep):
    """Recipe of CONVdeconv; all numbers are ours."""

    filters: int = 32
    """Width of a token."""
    kernel: int = 7
    """Genes a token sees."""
    stride: int = 4
    """Genes from one token to the next."""
    heads: int = 4
    """Of the self-attention."""


@register
class Convdeconv(DeepMethod):
    """Squared error of softmax outputs."""

    name = "convdeconv"
    recipes = {
        "default": Recipe(
            prep=replace(PREP, order="correlation"),
            simulation=SIMULATION,
            nets=(Net(hidden=(128,), norm="hidden"),),
            train=TRAIN,
        ),
        "published": Recipe(
            prep=Prep(genes="variance", top=1999, order="correlation", log="ln", sample="minmax"),
            simulation=Simulation(cells=500, samples=5000),
            nets=(Net(hidden=(128,), norm="hidden"),),
            train=Train(steps=2000, batch=64, lr=1e-3, patience=3),
        ),
    }

    def network(self, recipe: Recipe, inputs: int, outputs: int, generator: torch.Generator) -> Any:
        """Build the network that the recipe declares."""
        from unmix.deep.nets.convolution import Attention

        shape = recipe.filters, recipe.kernel, recipe.stride, recipe.heads
        return Attention(*shape, recipe.nets, inputs, outputs, generator)
