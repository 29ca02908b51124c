"""DeepDecon: networks for 55 ranges of the malignant share, asked one after the other (Huang et al. 2024).

One network learns the malignant share from 0 to 100 %, others only from 0 to 10 %, 10 to 20 %, 0 to 20 %, and so on for
every range between two tenths. The first answers first; its errors on held-out pseudobulk tell within which tenths the share
then lies (5th to 95th percentile), and the network of that range answers next, until the range no longer shrinks or the
search has turned round. The path of every sample is in refinement.tsv.

The authors' code trains the networks one by one; here they are one batched computation that draws from one pool of
pseudobulk (each network from those of its range). The code stops training by, and takes the inverse document frequency of,
the subject that it then tests; ours takes both from the reference (held-out donors, training pseudobulk).

The code rounds both ends of a range down to a tenth, so that ranges lie half a tenth too low; `published` does so,
`default` rounds the upper end up. `default` also takes logarithm and z per sample (an option of the code's own grid)
over markers of all types instead of TF-IDF over all genes, noise of a platform, normal cells in any proportions (the
code: as abundant as in the reference, which fails where a bulk has others), and networks of half the width; that of the
whole range learns first, and all others start from it. On purities of donors held out altogether
(benchmarks/purity.py) the mean error is .016 on simulated donors and .042 on three real ones, .029 and .049 with
platform noise; of the network of the whole range alone .016 and .043, .029 and .050.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from unmix.contract.method import Info, Needs
from unmix.deep.recipe import ONE_NET, Deep, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.methods import register
from unmix.settings import CountOrZero, NonNegative, Rule
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch

    from unmix.contract.attributions import Attributions
    from unmix.contract.model import Model
    from unmix.deep.preprocessing import Transform
    from unmix.deep.trainer import Session

#: Ranges of the malignant share in tenths: the whole first, then all others (code: names such as 20_40).
RANGES = sorted(combinations(range(11), 2), key=lambda pair: (pair[0] - pair[1], pair))
INDEX = {pair: number for number, pair in enumerate(RANGES)}
#: Held-out pseudobulk by which errors are measured.
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

    rules = (
        ONE_NET,
        Rule(("simulation.samples",), lambda s: s.simulation.samples > 0, "1 or more, to sort into the ranges"),
    )


def interval(estimate: float, low: float, high: float, floor: bool) -> tuple[int, int]:
    """Return the tenths between which the share lies, by an estimate and percentiles of its errors (code: eval.py)."""
    lower, upper = 10 * (estimate + low), 10 * (estimate + high)
    lower, upper = (min(max(int(end), 0), 10) for end in (lower, upper if floor else np.ceil(upper)))
    if upper <= lower:
        upper = lower + 1
    return (9, 10) if upper > 10 else (lower, upper)


def refine(estimates: np.ndarray, errors: np.ndarray, floor: bool) -> list[int]:
    """Return which ranges' networks are asked for a sample, in this order; the last one's answer counts.

    Parameters
    ----------
    estimates
        Malignant share by the network of each range.
    errors
        Ranges x (low, high): percentiles of truth less estimate on held-out pseudobulk.
    floor
        As in the recipe.
    """
    path, lefts, rights = [0], False, False
    while True:
        old = RANGES[path[-1]]
        new = interval(estimates[path[-1]], *errors[path[-1]], floor)
        lefts |= new[0] <= old[0] and new[1] <= old[1]
        rights |= new[0] >= old[0] and new[1] >= old[1]
        if (lefts and rights) or (new[0] <= old[0] and new[1] >= old[1]) or INDEX[new] >= len(estimates):
            return path
        path.append(INDEX[new])


@register
class DeepDecon(DeepMethod):
    """Root mean squared error of every network, penalty on its hidden layers."""

    name = "deepdecon"
    info = Info(
        title="DeepDecon",
        family="deep",
        summary="Share of malignant cells, narrowed down by networks for ranges of it; trains on any labelled tumour.",
        citation="Huang J et al. DeepDecon accurately estimates cancer cell fractions in bulk RNA-seq data. "
        "Patterns 5, 100969 (2024).",
        doi="10.1016/j.patter.2024.100969",
        year=2024,
        licence="none stated (not contained)",
        original="No weights or data are public. Preprocessing and the choice of the next range agree with vectors "
        "that the original's functions gave (TF-IDF and min-max within 1e-6, all 18 ranges).",
        chosen="one inverse document frequency of the training pseudobulk for all networks; one pool of pseudobulk for all; "
        "errors of each on 2,000 held-out pseudobulk; no early stopping; `default`: upper ends rounded up; markers of all "
        "types, logs, z per sample; platform noise; normal cells in any proportions; 128-64-32-16; Adam 5e-4 with "
        "cosine, 400 steps of 64 pseudobulk for the whole range, then 100 a range for all, which start from it",
    )
    quantity = "purity"
    needs = Needs(malignant=True, donors=2)
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
        ranges = np.array(RANGES[: session.recipe.ranges])
        start, end = np.searchsorted(truth[:, 0], ranges.T / 10)
        draw = session.task.rng.random((session.recipe.train.batch, len(ranges)))
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
        last = [path[-1] for path in _paths(net, answers)]
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
        percentiles = [recipe.percentile, 100 - recipe.percentile]
        for number, (low, high) in enumerate(RANGES[: recipe.ranges]):
            inside = (truth[:, 0] >= low / 10) & (truth[:, 0] <= high / 10)
            errors = (truth[:, 0] - answers[number])[inside]
            if len(errors):
                net.errors[number] = torch.from_numpy(np.percentile(errors, percentiles))
        rmse = self._error(net, session, validation)
        whole = float(np.sqrt(((truth[:, 0] - answers[0]) ** 2).mean()))
        return facts | {"held_out_rmse": round(rmse, 5), "held_out_rmse_of_one_network": round(whole, 5)}

    def tables(
        self, model: Model, expression: np.ndarray, present: np.ndarray, device: str, estimate: np.ndarray
    ) -> dict[str, list[list[dict[str, Any]]]]:
        """Return the path of every sample: which ranges' networks were asked, and their answers."""
        _, _, answers, paths = self._asked(model, expression, present, device)
        rows = [
            [
                {"step": step, "range": "{}-{} %".format(*(10 * end for end in RANGES[k])), "malignant": own[k]}
                for step, k in enumerate(path, start=1)
            ]
            for own, path in zip(answers[..., 0].T.tolist(), paths, strict=True)
        ]
        return {"refinement": rows}

    def attribute(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> Attributions:
        """Attribute the answer of the network that was asked last, from its answer to the mean input."""
        from unmix.contract.attributions import Attributions
        from unmix.deep.attribution import integrated

        net, transform, _, paths = self._asked(model, expression, present, device)
        found = [
            integrated(
                lambda values, k=path[-1]: net(values).softmax(-1)[k],
                transform(row[None], present),
                transform.neutral,
                device,
            )
            for row, path in zip(expression, paths, strict=True)
        ]
        parts = [[getattr(one, part) for one in found] for part in ("values", "estimate", "baseline")]
        return Attributions(np.concatenate(parts[0]), np.concatenate(parts[1]), np.stack(parts[2]))

    def _asked(
        self, model: Model, expression: np.ndarray, present: np.ndarray, device: str
    ) -> tuple[Any, Transform, np.ndarray, list[list[int]]]:
        """Return the networks, their preprocessing, all answers (ranges x samples x types) and every sample's path."""
        import torch

        net, transform = self.restore(model, device)
        with torch.no_grad():
            rows = [torch.from_numpy(transform(row[None], present)).to(device) for row in expression]
            answers = torch.cat([net(row).softmax(-1) for row in rows], 1)
        return net, transform, answers.cpu().numpy(), _paths(net, answers)


def _paths(net: Any, answers: torch.Tensor) -> list[list[int]]:
    errors = net.errors.double().cpu().numpy()
    return [refine(own, errors, net.floor) for own in answers[..., 0].double().cpu().numpy().T]
