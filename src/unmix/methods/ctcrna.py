"""Yan 2023 (ctcRNA): one hidden layer, trained on pseudobulk of bulk samples of pure tissues.

Re-implemented from the published description: no code was found. The paper tells that a network with one hidden layer
learns from the whole set of tissue samples, so that it sees how samples of one tissue differ, and that it bears missing
genes better than a signature does. Width, loss, optimiser, normalisation, genes and composition of the pseudobulk are not told.

`published` takes the plainest choices: ln(TPM + 1) of all expressed genes, min-max per sample, hidden 512 ReLU, dropout
0.2, softmax, squared error, Adam 1e-4 (at 1e-3 it did not learn). A pseudobulk sample takes one random sample of each
tissue, weighted by Dirichlet(1) fractions; half of the pseudobulk hold 1-5 tissues. In every batch a random share of genes,
up to half, is missing, as it would be in a bulk that lacks them. `default` takes the input and noise that hold-out
measurements chose for scaden: 60 markers a tissue, a pseudocount of 500 per million, z per sample, platform noise of
0.5 on every gene of a pseudobulk sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmix.contract.method import Info, Needs
from unmix.deep.recipe import NEW_BATCHES, PREP, TRAIN, Deep, Net, Prep, Train
from unmix.deep.trainer import DeepMethod, Session
from unmix.methods import register
from unmix.settings import ShareBelowOne
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch


class Recipe(Deep):
    """Recipe of ctcrna."""

    masked: ShareBelowOne = 0.5
    """Of every batch, a random share of genes from 0 to this is missing (our choice)."""

    rules = (NEW_BATCHES,)


NET = Net(hidden=(512,), dropout=(0.2,))  # paper: one hidden layer; width and dropout are our choice
SIMULATION_OF_PAPER = Simulation(single=True, aggregate="mean", sparse=0.5, sparse_most=5, target="mrna")


@register
class Ctcrna(DeepMethod):
    """Squared error of the softmax (our choice)."""

    name = "ctcrna"
    quantity = "mrna"
    needs = Needs(tissue=True)
    info = Info(
        title="ctcRNA network (Yan 2023)",
        family="deep",
        summary="Tissues of origin of cell-free or circulating-tumour-cell RNA, learned from bulk samples of tissues.",
        citation="Yan F et al. Deep neural network based tissue deconvolution of circulating tumor cell RNA. "
        "Journal of Translational Medicine 21, 783 (2023).",
        doi="10.1186/s12967-023-04663-w",
        year=2023,
        licence="no code published",
        original="No code or weights were found; re-implemented from the published description.",
        chosen="Hidden width 512, dropout 0.2, squared error, Adam 1e-4; ln(TPM + 1), min-max per sample; pseudobulk of one "
        "random sample of each tissue with Dirichlet(1) fractions, half of them of 1-5 tissues; up to half of the "
        "genes missing in every batch; fractions are of RNA; default: markers, z per sample, platform noise.",
    )
    recipes = {
        "default": Recipe(
            prep=PREP,
            simulation=SIMULATION_OF_PAPER.changed(platform=0.5),
            nets=(NET,),
            train=TRAIN,
        ),
        "published": Recipe(
            prep=Prep(genes="all", log="ln", sample="minmax"),
            simulation=SIMULATION_OF_PAPER,
            nets=(NET,),
            train=Train(steps=2000, batch=128, lr=1e-4),  # at 1e-3 all genes together do not train
        ),
    }

    def batch(self, session: Session) -> tuple[torch.Tensor, ...]:
        """Make new pseudobulk and let a random share of genes be missing from them."""
        recipe, rng = session.recipe, session.task.rng
        drawn = session.simulator.draw(recipe.train.batch, rng)
        present = rng.random(drawn.expression.shape[1]) >= rng.uniform(0, recipe.masked)
        inputs = session.transform(drawn.expression, present)
        return session.tensor(inputs), session.tensor(drawn.truth(recipe.simulation.target).astype("float32"))
