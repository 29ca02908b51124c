"""Autoptcr: a one-dimensional convolutional network over the genes (Liu et al. 2022).

Four convolutions of 32, 16, 8 and 4 filters, each with maximum pooling, then a hidden dense layer and the softmax;
squared error. Re-implemented from the published description: the authors emptied their repository, and what its
history holds is a copy of Scaden's functions without the network.

A convolution looks at neighbours, and genes have none by nature; the original takes them in the arbitrary order of a
Python set, which changes from run to run. Here the order is declared and frozen in the model: `prep.order=name` or
`correlation` (genes that vary together stand together). The order of the genome is not offered, because a prepared
reference does not hold the positions of its genes.

`published` takes Adam's rate, steps and batch of the paper, and Scaden's simulation and preprocessing, which the
history of the repository holds; genes by name. `default` takes markers, pseudocount and platform noise of `scaden`'s
default, the order by correlation and a higher rate for fewer steps, chosen by held-out cells of a PBMC reference
(pseudobulk with platform noise 0.5, 300 steps): RMSE .051; at the paper's rate .057, and .065 with genes by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from unmix.contract.method import Info
from unmix.deep.recipe import PREP, SIMULATION, TRAIN, Deep, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.methods import register
from unmix.settings import Count
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch


class Recipe(Deep):
    """Recipe of Autoptcr."""

    filters: Annotated[tuple[Count, ...], Field(min_length=1)] = (32, 16, 8, 4)
    """Paper, Algorithm 1: four convolutions, each with half the filters of the one before."""
    kernel: Count = 3
    """Genes that a filter sees (our choice; the paper does not say)."""
    pool: Count = 2
    """Neighbours of which pooling keeps the largest (our choice; the paper does not say)."""


@register
class Autoptcr(DeepMethod):
    """Squared error of softmax outputs."""

    name = "autoptcr"
    info = Info(
        title="Autoptcr",
        family="deep",
        summary="Convolutional network over the genes in a declared order; take it to compare, dense ones do as well.",
        citation="Liu Z et al. Predicting algorithm of tissue cell ratio based on deep learning using single-cell RNA "
        "sequencing. Applied Sciences 12, 5790 (2022).",
        doi="10.3390/app12125790",
        year=2022,
        licence="none given",
        original="Re-implemented from the published description: the repository (Auto_ratio) is empty, its history "
        "lacks the network, and there are no weights. Nothing to compare with; the authors hold a Chinese "
        "patent (CN114023387B) on the method.",
        chosen="Kernel of 3 genes, pooling of 2, ReLU, 128 hidden units; order of genes by correlation (published: "
        "by name; the original's is random); default: rate 3e-3 for 1e-3 and 800 steps for 2,000, 60 "
        "markers a type, pseudocount 500 per million, 200 cells a pseudobulk sample, platform noise 0.5.",
    )
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
