"""CONVdeconv: convolution, attention and a two-layer perceptron, re-implemented from the published description.

What is known of the original (Sun et al. 2024) is what a review of deep deconvolution tells (Lomas Redondo et al.
2025): a convolutional layer, an attention block and a perceptron of two layers, fewer than 2,000 genes, Adam, trained
for one tissue (mouse kidney). Neither code nor text was found, so every number here is ours. A convolution makes
tokens of neighbouring genes; self-attention lets the tokens see each other, with a learned position and a normalised
sum; the perceptron reads all tokens.

Neighbours mean something only if the order of the genes does: the order by correlation puts genes of one programme
side by side. `published` takes the 1,999 most variable genes, natural logarithm of CPM + 1, min-max within each
sample, and 5,000 pseudobulk of 500 cells. `default` takes markers, pseudocount and platform noise of `scaden`'s default.
That the perceptron reads all tokens, with batch normalisation, was chosen by held-out cells of a PBMC reference
(pseudobulk with platform noise 0.5, 300 steps): RMSE .046, against .112 where it reads their mean weighted by attention,
and no learning at all without batch normalisation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unmix.contract.method import Info
from unmix.deep.recipe import PREP, SIMULATION, TRAIN, Deep, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.methods import register
from unmix.settings import Count, Rule
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch


class Recipe(Deep):
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
    info = Info(
        title="CONVdeconv",
        family="deep",
        summary="Convolution and attention over the genes; re-implemented from the published description.",
        citation="Sun et al. CONVdeconv. Future Generation Computer Systems 161, 496-501 (2024), DOI not found.",
        year=2024,
        original="Re-implemented from the published description: neither code, weights nor the text of the paper "
        "were found. Nothing to compare with.",
        chosen="Everything but the outline: tokens of 32 filters over 7 genes, every 4 genes, batch normalisation "
        "and ReLU; one block of self-attention (4 heads, learned positions, residual, layer normalisation); "
        "the perceptron (128, batch normalisation) reads all tokens, because pooling them by attention was "
        "worse; mean squared error; order of genes by correlation; default: 60 markers a type, pseudocount "
        "500 per million, 200 cells a pseudobulk sample, platform noise 0.5.",
    )
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
