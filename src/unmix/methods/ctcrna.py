"""Yan 2023 (ctcRNA): one hidden layer, trained on pseudobulk of bulk samples of pure tissues.

A pseudobulk sample takes one random sample of each tissue, weighted by Dirichlet(1) fractions; half of the samples hold
one to five tissues. In every batch a random share of the genes is missing, as in a bulk that lacks them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmix.contract.method import Needs
from unmix.deep.recipe import NEW_BATCHES, PREP, TRAIN, Dense, Net, Prep, Train
from unmix.deep.trainer import DeepMethod, Session
from unmix.methods import register
from unmix.settings import ShareBelowOne
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch


class Recipe(Dense):
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
    needs = Needs(profiles=True)
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
