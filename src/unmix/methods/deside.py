"""DeSide: a logistic output for each cell type, and a rest, which is what they leave (Xiong et al. 2024).

    share of the rest = 1 - sum of the outputs

The rest is the malignant cell type (`--malignant`), which has no output. With `--recipe other` it is what the reference
lacks: then some of the training pseudobulk hold expression that no type explains (ours).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.contract.method import Fit, Needs, Task
from unmix.deep.recipe import ONE_NET, PREP, SIMULATION, TRAIN, Deep, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.errors import NotApplicable, UsageError
from unmix.methods import register
from unmix.settings import LogDeviation, Rule, Share, ShareBelowOne
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch

    from unmix.deep.trainer import Session
    from unmix.reference import Reference

OTHER = "Other"
#: Added to a share of the mRNA before the geometric mean over types: one in a million.
ABSENT = 1e-6


class Recipe(Deep):
    """Recipe of DeSide."""

    alpha: Share = 0.5
    """Code: weight of the mean absolute error in the loss; the rest is that of the root mean squared error."""
    other: bool = False
    """Whether the last column is the rest, Other; else the outputs are divided by their sum. A malignant type sets
    it."""
    foreign: Share = 0.5
    """Our choice: with `other`, share of the pseudobulk that hold expression which the reference does not explain. Not
    used where a malignant type is named."""
    foreign_most: ShareBelowOne = 0.9
    """Our choice: most that this expression is of such a sample; drawn uniformly."""
    foreign_spread: LogDeviation = 1.0
    """Our choice: it is what the types have in common (geometric mean), times a log-normal factor of each gene with
    this standard deviation (natural log)."""

    rules = (
        ONE_NET,
        Rule(
            ("other", "simulation.samples"),
            lambda s: not (s.other and s.simulation.samples),
            "simulation.samples 0 with other, whose pseudobulk are made anew for every batch",
        ),
    )


DEFAULT = Recipe(prep=PREP, simulation=SIMULATION, nets=(Net(hidden=(256, 128, 64)),), train=TRAIN)


@register
class DeSide(DeepMethod):
    """Mean absolute and root mean squared error of the types that have an output."""

    name = "deside"
    needs = Needs(cells=True)
    recipes = {
        "default": DEFAULT,
        "other": DEFAULT.changed(other=True, prep=Prep(genes="variance", top=2000, pseudocount=50, sample="z")),
        "published": Recipe(
            prep=Prep(genes="variance", min_variance=0.1, sample="minmax"),  # code: logs divided by 20
            simulation=Simulation(cells=100),
            nets=(Net(hidden=(200, 2000, 2000, 2000, 50), dropout=(0.05, 0.05, 0.05, 0.2, 0.0)),),
            train=Train(steps=5000, batch=128, lr=1e-4),  # code: up to 3,000 epochs of 100,000 pseudobulk
        ),
    }

    def network(self, recipe: Recipe, inputs: int, outputs: int, generator: torch.Generator) -> Any:
        """Build the network, without an output for the rest, which is the last type."""
        net = super().network(recipe, inputs, outputs - recipe.other, generator)
        net.rest = recipe.other
        return net

    def fit(self, task: Task) -> Fit:
        """Train, with the type that is the rest as the last one.

        Raises
        ------
        NotApplicable, UsageError
            If there are several malignant types; if markers of the cell types shall tell other cells.
        """
        if task.recipe.other and not task.malignant and task.recipe.prep.genes == "markers":
            found = "other=true with markers of the cell types, which say little of other cells"
            raise UsageError(found, "prep.genes=variance or all", "--recipe other")
        if len(task.malignant) > 1:
            found = f"{len(task.malignant)} malignant cell types are named"
            raise NotApplicable(found, "one, whose share is the rest", "--label-map with one name for all of them")
        recipe = task.recipe.changed(other=True) if task.malignant else task.recipe
        last = [*task.malignant] or [OTHER] * recipe.other
        names = [name for name in task.train.cell_types if name not in last] + last
        parts = [_ordered(part, names) for part in (task.train, task.validation)]
        fit = super().fit(replace(task, train=parts[0], validation=parts[1], recipe=recipe))
        return replace(fit, cell_types=tuple(names), recipe=recipe)

    def batch(self, session: Session) -> tuple[torch.Tensor, ...]:
        """Return pseudobulk, some with foreign expression, whose share is the truth of the rest."""
        if session.task.malignant or not session.recipe.other:
            return super().batch(session)
        drawn = session.simulator.draw(session.recipe.train.batch, session.task.rng)
        truth = drawn.truth(session.recipe.simulation.target)
        expression, truth = _with_foreign(session, drawn.expression / drawn.depth[:, None], truth)
        return session.tensor(session.transform(expression)), session.tensor(truth.astype(np.float32))

    def loss(self, net: Any, batch: tuple[torch.Tensor, ...], session: Session) -> torch.Tensor:
        """Return both errors, weighted."""
        inputs, truth = batch
        found, alpha = net(inputs)[0].sigmoid(), session.recipe.alpha
        error = found - truth[:, : found.shape[1]]
        return alpha * error.abs().mean() + (1 - alpha) * (error.square().mean() + 1e-12).sqrt()

    def infer(self, net: Any, inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs, divided by their sum, or by it where it exceeds 1, and what they leave."""
        found = net(inputs)[0].sigmoid()
        if not net.rest:
            return found / found.sum(-1, keepdim=True)
        import torch

        sums = found.sum(-1, keepdim=True)
        return torch.cat([found / sums.clamp(min=1), (1 - sums).clamp(min=0)], -1)


def _ordered(cells: Reference, names: list[str]) -> Reference:
    """Return the same cells with the types in this order; a type without cells may be among them."""
    place = np.array([names.index(name) for name in cells.cell_types])
    return replace(cells, cell_types=names, type_of=place[cells.type_of])


def _with_foreign(session: Session, shares: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Add foreign expression to some samples; all are shares of the mRNA (samples x genes)."""
    recipe, rng, cells = session.recipe, session.task.rng, session.simulator.cells
    common = np.exp(np.log(cells.profiles()[cells.cells_per_type() > 0] + ABSENT).mean(0)) - ABSENT
    foreign = common * rng.lognormal(0, recipe.foreign_spread, shares.shape)
    share = rng.uniform(0, recipe.foreign_most, (len(shares), 1)) * (rng.random((len(shares), 1)) < recipe.foreign)
    truth = truth * (1 - share)
    truth[:, -1:] = share
    return (1 - share) * shares + share * foreign, truth
