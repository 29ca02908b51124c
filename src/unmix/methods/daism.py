"""DAISM-DNN: calibration samples, multiplied by mixing them in silico with pure cells (Lin et al. 2022).

    training sample = a x (calibration sample) + (1 - a) x (pseudobulk of pure cells), a uniform in 0.01-0.99

Both parts have the same depth over all genes, and the truth is the same blend of their fractions. Four networks each
leave out a quarter of the calibration samples; their errors on these set the intervals.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from unmix.contract.method import Fit, Needs, Task
from unmix.contract.model import Model
from unmix.deep import blending
from unmix.deep.preprocessing import Transform
from unmix.deep.recipe import NEW_BATCHES, PREP, Deep, Net, Prep, Train
from unmix.deep.trainer import PROBE, DeepMethod, Session
from unmix.errors import UsageError
from unmix.io.fractions import normalised
from unmix.methods import register
from unmix.settings import Rule, Share, asdict
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch

    from unmix.simulate.pseudobulk import Simulator

NET = Net(hidden=(1024, 512, 256), normed=(1,))  # original code


class Recipe(Deep):
    """Recipe of DAISM-DNN."""

    blend: tuple[Share, Share] = (0.01, 0.99)
    """Range of the calibration sample's share of a pseudobulk sample (original code); with 0, 0 and `untouched` 0 none
    is trained on, the original's generic mode."""
    untouched: Share = 0.00125
    """Share of pseudobulk that are calibration samples as they are (original code: each of 20 once in 16,000)."""
    head: Literal["linear", "softmax"] = "linear"
    """Outputs are cut off at 0, or sum to 1 (the code's -sum2one)."""

    rules = (NEW_BATCHES, Rule(("blend",), lambda s: s.blend[0] <= s.blend[1], "the lower end first"))


PUBLISHED = Recipe(
    prep=Prep(genes="all", sample="minmax"),
    simulation=Simulation(rounding="ceil"),
    nets=(NET,) * 4,
    train=Train(steps=10_000, batch=64, lr=1e-4, schedule="decay", validate_every=200, patience=10),
)


@register
class Daism(DeepMethod):
    """Squared error of the outputs, averaged over members."""

    name = "daism"
    needs = Needs(cells=True, calibration=True)
    recipes = {
        "default": Recipe(
            prep=PREP,
            simulation=Simulation(),
            nets=(Net(hidden=NET.hidden),) * 4,
            train=Train(steps=300, batch=32, lr=1e-3, schedule="cosine", validate_every=50),
            untouched=0.2,
            head="softmax",
        ),
        "published": PUBLISHED,
        "sorted": PUBLISHED.changed(simulation=Simulation(single=True, aggregate="mean")),
    }

    def network(self, recipe: Recipe, inputs: int, outputs: int, generator: torch.Generator) -> Any:
        """Build the members, which know their head."""
        net = super().network(recipe, inputs, outputs, generator)
        net.head = recipe.head
        return net

    def fit(self, task: Task) -> Fit:
        """Train on the genes that the calibration samples have; score each by the member that left it out.

        Raises
        ------
        UsageError
            If the recipe has one network only.
        """
        if len(task.recipe.nets) < 2:
            raise UsageError(
                "the recipe has one network", "two or more networks, because each is trained without some samples"
            )
        fit = super().fit(replace(task, bulk=task.calibration.expression))
        genes, types = task.train.genes[fit.genes].tolist(), task.train.cell_types
        net, transform = self.restore(
            Model(self.name, asdict(task.recipe), genes, types, "cell", fit.arrays), task.device
        )
        estimate = normalised(blending.left_out(net, transform(blending.samples(task, fit.genes)), task.device))
        truth = normalised(task.calibration.fractions)
        return replace(fit, left_out=(estimate, truth))

    def prepare(self, task: Task, genes: np.ndarray, simulator: Simulator) -> Transform:
        """Fit the preprocessing on blends."""
        expression, _ = blending.blends(task, genes, simulator, PROBE)
        return Transform.fit(task.recipe.prep, expression[0])

    def batch(self, session: Session) -> tuple[torch.Tensor, ...]:
        """Blend new pseudobulk of pure cells with calibration samples, for every member with those it may see."""
        expression, truth = blending.blends(session.task, session.genes, session.simulator, session.recipe.train.batch)
        members, number, genes = expression.shape
        inputs = session.transform(expression.reshape(-1, genes)).reshape(members, number, genes)
        return session.tensor(inputs), session.tensor(truth.astype(np.float32))

    def loss(self, net: Any, batch: tuple[torch.Tensor, ...], session: Session) -> torch.Tensor:
        """Return the squared error."""
        inputs, truth = batch
        return ((blending.head(net, net(inputs)) - truth) ** 2).mean((1, 2)).sum()

    def infer(self, net: Any, inputs: torch.Tensor) -> torch.Tensor:
        """Return the mean of the members."""
        return blending.head(net, net(inputs)).clamp(min=0).mean(0)

    def _error(self, net: Any, session: Session, validation: tuple[np.ndarray, np.ndarray]) -> float:
        """Return the RMSE on calibration samples, each of the member that left it out."""
        inputs = session.transform(blending.samples(session.task, session.genes))
        estimate = blending.left_out(net, inputs, session.device)
        return float(np.sqrt(((estimate - session.task.calibration.fractions) ** 2).mean()))
