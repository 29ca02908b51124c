"""DISSECT: networks that are consistent on blends of real and simulated samples (Khatri et al. 2024).

    loss = KL(truth, simulated) + weight x (share x f(real) + (1 - share) x f(simulated) - f(blend))^2

The result of a sample depends on the samples given at training. Expression comes from a variational autoencoder.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from unmix.contract.method import Needs
from unmix.deep.losses import kullback_leibler
from unmix.deep.output import fractions
from unmix.deep.profiles import attributed
from unmix.deep.recipe import PREP, SIMULATION, Dense, Expression, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.io.units import per_million
from unmix.methods import register
from unmix.settings import NonNegative, Rule, Share
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch

    from unmix.contract.method import Fit, Task
    from unmix.contract.model import Model
    from unmix.deep.trainer import Session

NETS = (Net(hidden=(512, 256, 128, 64), activation="relu6"),) * 5  # code: members differ in their seed only


class Recipe(Dense):
    """Recipe of DISSECT."""

    consistency: Annotated[tuple[NonNegative, ...], Field(min_length=1)] = (0.0, 15.0, 10.0)
    """Code: weight of the consistency before 2000 of 5000 steps, before 4000, and after."""
    until: tuple[Share, ...] = (0.4, 0.8)
    """Code: shares of the steps at which the weight of the consistency changes."""
    low: Share = 0.1
    """Code: least share of the real sample in a mixture, which is the same for a whole batch."""
    high: Share = 0.9
    """Code: largest share of the real sample in a mixture."""
    real: Literal["all", "first"] = "all"
    """Samples of the bulk that take part (code as shipped: the first one only; its help: all)."""
    expression: Expression = Expression()
    """The network for expression."""

    rules = (
        Rule(("low", "high"), lambda s: s.low <= s.high, "low at most high"),
        Rule(
            ("consistency", "until"),
            lambda s: len(s.consistency) == len(s.until) + 1 and list(s.until) == sorted(s.until),
            "ascending ends in until, and one weight more in consistency",
        ),
    )


@register
class DISSECT(DeepMethod):
    """Kullback-Leibler divergence of simulated fractions, and squared inconsistency of the mixtures'."""

    name = "dissect"
    layout = {"scale?": "1", "expression.*": ""}
    needs = Needs(cells=True, bulk=True)
    transductive = True
    expresses = True
    recipes = {
        "default": Recipe(
            prep=PREP,
            simulation=SIMULATION,
            nets=NETS,
            train=Train(steps=400, batch=64, lr=1e-3, schedule="cosine", validate_every=100),
            consistency=(0.0, 0.15, 0.1),
            expression=Expression(steps=200, start="attributed"),
        ),
        "published": Recipe(
            prep=Prep(genes="variance", min_variance=0.1, sample="minmax"),
            simulation=Simulation(sparse=0.5, cells=500, rounding="round", samples=1000),
            nets=NETS,
            train=Train(steps=1700, batch=64, lr=3e-5),  # code: 5000 at 1e-5; ours for a third of the time
            real="first",
        ),
    }

    def pool(self, session: Session, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the expression of stored pseudobulk, `number` for each cell type; real samples are mixed into it."""
        drawn = session.simulator.draw(number * len(session.simulator.cells.cell_types), session.task.rng)
        return drawn.expression, drawn.truth(session.recipe.simulation.target).astype(np.float32)

    def fit(self, task: Task) -> Fit:
        """Train the networks for fractions, then, where the recipe asks, the one for expression."""
        fit = super().fit(task)
        if not task.recipe.expression.steps:
            return fit
        from unmix.deep.nets import expression

        learned = expression.learn(task, task.train.select(genes=fit.genes), fit.arrays["cells"])
        return replace(fit, arrays=fit.arrays | learned)

    def express(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Return the profiles of every sample, by the fractions of all five networks."""
        recipe, fractions = self.recipe_of(model), self.estimate(model, expression, present, device)
        if not recipe.expression.steps:
            return attributed(fractions, model.arrays["cells"], expression, present)
        from unmix.deep.nets import expression as network

        return network.express(recipe, model.arrays, expression, fractions, present, device)

    def batch(self, session: Session) -> tuple[torch.Tensor, ...]:
        """Return simulated samples, their fractions and, once consistency counts, mixtures, real samples and shares."""
        recipe, rng, number = session.recipe, session.task.rng, session.recipe.train.batch
        if session.pool is None:
            drawn = session.simulator.draw(number, rng)
            simulated, truth = drawn.expression, drawn.truth(recipe.simulation.target).astype(np.float32)
        else:
            simulated, truth = session.pseudobulk(number)
        if not weight(session):
            return session.tensor(session.transform(simulated)), session.tensor(truth)
        chosen = rng.integers(0, len(session.task.bulk), number) if recipe.real == "all" else np.zeros(number, int)
        real = session.task.bulk[chosen][:, session.genes]
        share = rng.uniform(recipe.low, recipe.high)
        mixed = share * per_million(real) + (1 - share) * per_million(simulated)
        parts = [session.transform(simulated), truth, session.transform(mixed), session.transform(real)]
        return *map(session.tensor, parts), session.tensor(np.full((number, 1), share, np.float32))

    def loss(self, net: Any, batch: tuple[torch.Tensor, ...], session: Session) -> torch.Tensor:
        """Return the divergence and, weighted, the inconsistency, summed over the members."""
        simulated, truth, *others = batch
        if not others:
            return kullback_leibler(net(simulated), truth, net.output)
        import torch

        mixed, real, share = others
        if session.recipe.real == "first":
            real = real[:1]
        parts = net(torch.cat([simulated, mixed, real])).split([len(simulated), len(mixed), len(real)], 1)
        ours, both, theirs = (fractions(part, net.output) for part in parts)
        wrong = (share * theirs + (1 - share) * ours - both) ** 2
        return kullback_leibler(parts[0], truth, net.output) + weight(session) * wrong.mean((1, 2)).sum()


def weight(session: Session) -> float:
    """Return the weight of the consistency at this step."""
    recipe, done = session.recipe, session.step / session.recipe.train.steps
    return recipe.consistency[sum(done >= end for end in recipe.until)]
