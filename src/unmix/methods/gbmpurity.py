"""GBMPurity: the malignant share of glioblastoma from one small network (Thomas et al. 2025).

Every training sample sums 200 to 4,000 cells of one donor. Dropout of 40 % of the genes, two layers of 32 and 16, one
linear output that is cut off at 0 and 1, absolute error. Either train it on a reference (`--malignant`), or take the
authors' network (`--pretrained GBMPurity.pt --pretrained input-genes-lengths.csv`), for which the reference only
gives the intervals.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.contract.blocks import in_blocks
from unmix.contract.method import Fit, Needs, Task
from unmix.deep.recipe import ONE_NET, Deep, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.errors import NotApplicable
from unmix.io.pretrained import ensemble, tensors_and_lengths
from unmix.methods import register
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch

    from unmix.contract.attributions import Attributions
    from unmix.contract.model import Model
    from unmix.deep.trainer import Session


class Recipe(Deep):
    """Recipe of GBMPurity."""

    rules = (ONE_NET,)


NETS = (Net(hidden=(32, 16), input_dropout=0.4),)  # original code: MLP2h
PUBLISHED = Recipe(  # original code: src/GBMPurity.py, src/trainGBMPurity.py
    prep=Prep(genes="all", depth=1e4, missing="zero"),
    simulation=Simulation(composition="range", donors="same", cells=200, cells_max=4000),
    nets=NETS,
    train=Train(steps=5000, batch=64, lr=3e-5, weight_decay=1e-5, eps=1e-8),
)


@register
class GBMPurity(DeepMethod):
    """Mean absolute error of one linear output; the estimate is (output within [0, 1], its complement)."""

    name = "gbmpurity"
    quantity = "purity"
    needs = Needs(cells=True, malignant=True, donors=2)
    takes = "pretrained"
    recipes = {
        "default": Recipe(
            prep=Prep(genes="markers", per_type=60, depth=1e4, pseudocount=5, sample="z"),
            simulation=Simulation(
                composition="range", donors="same", cells=200, cells_max=1000, platform=0.5, subtypes="dirichlet"
            ),
            nets=NETS,
            train=Train(steps=800, batch=64, lr=1e-2, weight_decay=1e-5, schedule="cosine"),
        ),
        "published": PUBLISHED,
    }

    def network(self, recipe: Any, inputs: int, outputs: int, generator: torch.Generator) -> Any:
        """Build the network, with one output."""
        return super().network(recipe, inputs, 1, generator)

    def loss(self, net: Any, batch: tuple[torch.Tensor, ...], session: Session) -> torch.Tensor:
        """Return the mean absolute error of the malignant share."""
        inputs, truth = batch
        return (net(inputs)[0, :, 0] - truth[:, 0]).abs().mean()

    def infer(self, net: Any, inputs: torch.Tensor) -> torch.Tensor:
        """Return malignant and normal shares."""
        purity = net(inputs)[0].clamp(0, 1)
        return (purity.new_tensor([0.0, 1.0]) + purity * purity.new_tensor([1.0, -1.0])).abs()

    def fit(self, task: Task) -> Fit:
        """Train on same-donor pseudobulk, or take the weights that the user gave."""
        tensors, lengths = tensors_and_lengths(task.published)
        if not lengths:
            task.say("No gene lengths were given: counts are scaled to a common depth, not divided by length.")
            return super().fit(task)
        if tensors:
            share = np.isin(list(lengths), task.train.genes).mean()
            task.say(f"Published weights; the reference ({share:.0%} of their genes) gives intervals and flags only.")
            return _official(tensors, lengths)
        known = np.flatnonzero(np.isin(task.train.genes, list(lengths)))
        if not len(known):
            raise NotApplicable(
                f"none of the {len(lengths):,} genes with lengths is among those to learn from",
                "the gene names of the reference in the table of lengths",
                "correct the table, or give no lengths",
            )
        of_gene = np.array([lengths[gene] for gene in task.train.genes[known]])
        parts = [part.select(genes=known) for part in (task.train, task.validation)]
        parts = [replace(part, counts=part.counts.multiply(1 / of_gene).tocsr().astype(np.float32)) for part in parts]
        bulk = None if task.bulk is None else task.bulk[:, known]
        fit = super().fit(replace(task, train=parts[0], validation=parts[1], bulk=bulk))
        return replace(fit, genes=known[fit.genes], arrays=fit.arrays | {"lengths": of_gene[fit.genes]})

    def attribute(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> Attributions:
        """Attribute exactly: between the bends of its units the network is linear in its inputs.

        The output (before it is cut off at 0 and 1) is the sum over genes of slope times input, and a constant of the
        piece in which the sample lies, which is its baseline.
        """
        import torch

        from unmix.contract.attributions import Attributions

        net, transform = self.restore(model, device)

        def of_block(block: np.ndarray) -> np.ndarray:
            inputs = torch.from_numpy(transform(block, present)).to(device).requires_grad_()
            output = net(inputs)[0, :, 0]
            (slope,) = torch.autograd.grad(output.sum(), inputs)
            return torch.column_stack([slope * inputs, output]).detach().cpu().numpy()

        found = in_blocks(of_block, expression)
        parts, purity = found[:, :-1], found[:, -1]
        values, estimate = np.stack([parts, -parts], 1), np.stack([purity, 1 - purity], 1)
        return Attributions(values, estimate, estimate - values.sum(2))


def _official(tensors: dict[str, np.ndarray], lengths: dict[str, float]) -> Fit:
    """Put the authors' tensors into the places of ours."""
    hidden = tuple(len(tensors[f"{layer}.bias"]) for layer in ("fc1", "fc2"))
    nets = (NETS[0].changed(hidden=hidden),)
    genes = len(lengths)
    arrays = {
        **ensemble([[(tensors[f"{layer}.weight"], tensors[f"{layer}.bias"]) for layer in ("fc1", "fc2", "out")]]),
        **{f"prep.{name}": np.zeros(genes, np.float32) for name in ("neutral", "mean")},
        **{f"prep.{name}": np.ones(genes, np.float32) for name in ("deviation", "idf")},
        "prep.share": np.full(genes, 1 / genes, np.float32),
        "lengths": np.array(list(lengths.values())),
    }
    return Fit(np.array(list(lengths)), arrays, {"pretrained": True}, recipe=PUBLISHED.changed(nets=nets))
