"""DeepDecon: networks for 55 ranges of the malignant share, used one after the other (Huang et al. 2024).

One network learns the share from 0 to 100 %, the others every range between two tenths. Its errors on held-out
pseudobulk give the tenths between which the share lies, and the network of that range answers next.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from unmix.contract.attributions import stacked
from unmix.contract.method import Needs
from unmix.deep.ranges import RANGES, asked, errors, paths, told
from unmix.deep.recipe import ONE_NET, STORED, Deep, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.methods import register
from unmix.settings import CountOrZero, NonNegative
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch

    from unmix.contract.attributions import Attributions
    from unmix.contract.model import Model
    from unmix.deep.trainer import Session

#: Held-out pseudobulk samples for measuring errors.
MEASURED = 2000


class Recipe(Deep):
    """Recipe of DeepDecon."""

    penalty: NonNegative = 1e-3
    """Of the squared weights of the hidden layers (code: L2 of 1e-3)."""
    percentile: Annotated[float, Field(ge=0, lt=50)] = 5.0
    """Of a network's errors below and above, which say where the share may lie (code: alpha = 10)."""
    ranges: Annotated[int, Field(ge=1, le=len(RANGES))] = len(RANGES)
    """Networks of so many ranges (1: that of the whole range alone)."""
    whole: CountOrZero = 0
    """Steps in which the network of the whole range learns alone, before all others start from it."""
    floor: bool = False
    """Whether the upper end is cut down to a tenth, too (code); the range is then too low by half a tenth."""

    rules = (ONE_NET, STORED)


@register
class DeepDecon(DeepMethod):
    """Root mean squared error of every network, penalty on its hidden layers."""

    name = "deepdecon"
    quantity = "purity"
    needs = Needs(cells=True, malignant=True, donors=2)
    recipes = {
        "default": Recipe(
            prep=Prep(genes="markers", per_type=60, log="ln", pseudocount=500, sample="z"),
            simulation=Simulation(
                composition="range", donors="same", cells=500, platform=0.5, subtypes="dirichlet", samples=30000
            ),
            nets=(Net(hidden=(128, 64, 32, 16), dropout=(0.1, 0.1, 0.1, 0.0)),),
            train=Train(steps=100, batch=64, lr=5e-4, schedule="cosine"),
            whole=400,
        ),
        "published": Recipe(
            prep=Prep(genes="all", depth=0, tfidf=True, log="none", sample="minmax", missing="zero"),
            # code comment: 3,000 cells in the manuscript; 3,000 pseudobulk a range in the path for new data
            simulation=Simulation(composition="range", donors="same", cells=3000, replace=False, samples=12000),
            nets=(Net(hidden=(256, 128, 64, 32), dropout=(0.1, 0.1, 0.1, 0.0)),),  # code: dropout "1"
            train=Train(steps=5000, batch=128, lr=1e-4),
            floor=True,
        ),
    }

    def network(self, recipe: Recipe, inputs: int, outputs: int, generator: torch.Generator) -> Any:
        """Build the networks of all ranges."""
        from unmix.deep.nets.ranges import Ranges

        return Ranges(recipe.nets[0], recipe.ranges, recipe.floor, inputs, outputs, generator)

    def pool(self, session: Session, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return pseudobulk in the order of their malignant share."""
        inputs, truth = session.new_pseudobulk(session.simulator, number)
        order = truth[:, 0].argsort(kind="stable")
        return inputs[order], truth[order]

    def batch(self, session: Session) -> tuple[torch.Tensor, ...]:
        """Draw for every range from the pseudobulk of that range (batch x ranges x genes, or types)."""
        inputs, truth = session.pool
        ends = np.array(RANGES[: session.recipe.ranges])
        start, end = np.searchsorted(truth[:, 0], ends.T / 10)
        draw = session.task.rng.random((session.recipe.train.batch, len(ends)))
        rows = np.minimum((start + draw * (end - start)).astype(int), len(truth) - 1)
        return session.tensor(inputs[rows]), session.tensor(truth[rows])

    def loss(self, net: Any, batch: tuple[torch.Tensor, ...], session: Session) -> torch.Tensor:
        """Return the summed losses of the networks."""
        inputs, truth = (part.transpose(0, 1) for part in batch)
        error = ((net(inputs).softmax(-1) - truth) ** 2).mean((1, 2)).add(1e-12).sqrt().sum()
        return error + session.recipe.penalty * sum((kernel**2).sum() for kernel in net.kernels())

    def infer(self, net: Any, inputs: torch.Tensor) -> torch.Tensor:
        """Return malignant and normal shares by the last network asked."""
        answers = net(inputs).softmax(-1)
        last = [path[-1] for path in paths(net, answers[..., 0].cpu().numpy())]
        return answers[last, range(len(last))]

    def _train(self, net: Any, session: Session, validation: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
        """Train, first that of the whole range, then all; measure their errors on held-out pseudobulk of each range."""
        import torch

        recipe = session.recipe
        if recipe.whole:
            alone = recipe.changed(ranges=1, whole=0, train=recipe.train.changed(steps=recipe.whole))
            task = replace(session.task, checkpoint=None)  # seconds: a resumed training repeats them, draw by draw
            generator = torch.Generator().manual_seed(net.generator.initial_seed())
            one = self.build(alone, session.transform, net.outputs, generator, session.device)
            one.generator = net.generator
            super()._train(one, replace(session, recipe=alone, task=task), validation)
            net.start_from(one)
        facts = super()._train(net, session, validation)
        inputs, truth = session.new_pseudobulk(session.held_out, MEASURED)
        with torch.no_grad():
            answers = net.eval()(session.tensor(inputs)).softmax(-1)[..., 0].cpu().numpy()
        net.errors[:] = torch.from_numpy(errors(truth[:, 0], answers, recipe.percentile))
        rmse = self._error(net, session, validation)
        whole = float(np.sqrt(((truth[:, 0] - answers[0]) ** 2).mean()))
        return facts | {"held_out_rmse": round(rmse, 5), "held_out_rmse_of_one_network": round(whole, 5)}

    def tables(
        self, model: Model, expression: np.ndarray, present: np.ndarray, device: str, estimate: np.ndarray
    ) -> dict[str, list[list[dict[str, Any]]]]:
        """Return the path of every sample: which ranges' networks were asked, and their answers."""
        return {"refinement": told(*asked(*self.restore(model, device), expression, present, device))}

    def attribute(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> Attributions:
        """Attribute the answer of the network that was asked last, from its answer to the mean input."""
        from unmix.deep.attribution import integrated

        def of_sample(row: np.ndarray, last: int) -> Attributions:
            inputs = transform(row[None], present)
            return integrated(lambda values: net(values).softmax(-1)[last], inputs, transform.neutral, device)

        net, transform = self.restore(model, device)
        _, ways = asked(net, transform, expression, present, device)
        return stacked([of_sample(row, way[-1]) for row, way in zip(expression, ways, strict=True)])
