"""CONVdeconv: convolution, attention and a two-layer perceptron (Sun et al. 2024).

A convolution makes tokens of neighbouring genes; self-attention with learned positions lets the tokens see each other;
a perceptron reads all of them. Genes that vary together are neighbours (`prep.order=correlation`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unmix.deep.recipe import PREP, SIMULATION, TRAIN, Dense, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.methods import register
from unmix.settings import Count, Rule
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch


class Recipe(Dense):
    """Recipe of CONVdeconv; all numbers are ours."""

    filters: Count = 32
    """Width of a token."""
    kernel: Count = 7
    """Genes a token sees."""
    stride: Count = 4
    """Genes from one token to the next."""
    heads: Count = 4
    """Of the self-attention."""

    rules = (Rule(("filters", "heads"), lambda s: s.filters % s.heads == 0, "filters that are a multiple of heads"),)


@register
class Convdeconv(DeepMethod):
    """Squared error of softmax outputs."""

    name = "convdeconv"
    recipes = {
        "default": Recipe(
            prep=PREP.changed(order="correlation"),
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
