"""Digitaldlsorter: one dense network trained on pseudobulk and single cells (Torroja and Sanchez-Cabo 2019).

Two hidden layers of 200, batch normalisation before every activation and before the softmax, Kullback-Leibler
divergence. A batch holds pseudobulk, whose fractions come from six composition distributions, and single cells as pure
samples. `published` keeps the code of 2019, `published_r` that of its successor digitalDLSorteR 1.1.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.deep.output import fractions
from unmix.deep.recipe import PREP, TRAIN, Dense, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.methods import register
from unmix.settings import Rule, ShareBelowOne
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch

    from unmix.deep.trainer import Session

NETS = (Net(hidden=(200, 200), dropout=(0.25, 0.25), norm="all"),)  # code of 2019 and digitalDLSorteR 1.1.2

#: Code of 2019, generateTrainAndTestBulkProbMatrix: the six sets of fractions and their sizes.
SETS = {
    "prior_ranges": 1000,
    "fill": 3000,
    "bounded_fill": 500,
    "permuted_fill": 1000,
    "dirichlet": 3000,
    "permuted_ranges": 2000,
}
#: digitalDLSorteR 1.1.2, in percent; sets 4 and 5 are both Dirichlet(1), with and without absent types.
SETS_R = {"prior_ranges": 10, "permuted_ranges": 5, "fill": 20, "dirichlet": 15 + 35, "pure": 15}

#: Keras clips both arguments of its Kullback-Leibler divergence to [this, 1].
SMALLEST = 1e-7


class Recipe(Dense):
    """Recipe of Digitaldlsorter."""

    cells: ShareBelowOne = 0.0
    """Share of every batch that are single cells of one type, the rest are pseudobulk."""

    rules = (
        Rule(
            ("cells", "train.batch"),
            lambda s: round(s.cells * s.train.batch) < s.train.batch,
            "cells so low that a batch has pseudobulk too",
        ),
    )


@register
class Digitaldlsorter(DeepMethod):
    """Kullback-Leibler divergence of softmax outputs, over batches of pseudobulk and of single cells."""

    name = "digitaldlsorter"
    recipes = {
        "default": Recipe(
            prep=PREP,
            simulation=Simulation(compositions=SETS, cells=200, platform=0.5),
            nets=NETS,
            train=TRAIN,
            cells=1 / 11.5,
        ),
        "published": Recipe(
            prep=Prep(genes="all", sample="z"),
            simulation=Simulation(compositions=SETS, cells=100, aggregate="cpm", augment=100),
            nets=NETS,
            train=Train(steps=5750, batch=100),  # code: 50 epochs, here of 10,500 pseudobulk and 1,000 cells
            cells=1 / 11.5,  # code: 10.5 pseudobulk for every cell
        ),
        "published_r": Recipe(
            prep=Prep(genes="markers", per_type=300, gene="z"),
            simulation=Simulation(
                compositions=SETS_R, sparse=0.25, cells=100, augment=100
            ),  # half of sets 1 to 4 sparse
            nets=NETS,
            train=Train(steps=7020, batch=64),  # code: 60 epochs; vignette: 7,500 pseudobulk to train
        ),
    }

    def batch(self, session: Session) -> tuple[torch.Tensor, ...]:
        """Return pseudobulk and, in the share that the recipe says, single cells."""
        recipe, rng, cells = session.recipe, session.task.rng, session.simulator.cells
        number = round(recipe.cells * recipe.train.batch)
        inputs, truth = session.pseudobulk(recipe.train.batch - number)
        if number:
            rows = rng.integers(0, len(cells.type_of), number)
            single = session.transform(cells.counts[rows].toarray())
            labels = np.eye(len(cells.cell_types), dtype=np.float32)[cells.type_of[rows]]
            inputs, truth = np.concatenate([inputs, single]), np.concatenate([truth, labels])
        return session.tensor(inputs), session.tensor(truth)

    def loss(self, net: Any, batch: tuple[torch.Tensor, ...], session: Session) -> torch.Tensor:
        """Return the divergence of the estimate from the truth, averaged over the batch."""
        inputs, truth = batch
        truth, estimate = (part.clamp(SMALLEST, 1) for part in (truth, fractions(net(inputs), net.output)))
        return (truth * (truth / estimate).log()).sum(-1).mean()
