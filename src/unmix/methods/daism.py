"""DAISM-DNN: real samples with known fractions, multiplied by mixing them in silico with pure cells (Lin et al. 2022).

Every training mix is a x (a calibration sample) + (1 - a) x (a pseudobulk sample of pure cells), a uniform in 0.01-0.99, its truth
the same blend of their fractions; some pseudobulk are calibration samples as they are. So the network sees the platform of
the samples it shall estimate. Pure cells are sums of 500 single cells (the original's platform S) or, with the recipe
`sorted`, one profile of each type, as of sorted bulk or tissues (platform R).

`published` keeps network (1024, 512 with batch normalisation, 256), linear output, squared error, Adam 1e-4 falling to
1e-5, batch 64, log2(x + 1) and min-max per sample over all common genes. Otherwise than the code: both parts of a blend
have the same depth (the code adds raw sums, so that the share depends on the depth of the cells); new pseudobulk in every
step in place of 16,000 stored ones; the learning rate falls by a schedule (the code: whenever the training error
rises); estimates sum to 1, as everywhere in unmix; and four members, each of which never sees a quarter of the
calibration samples, in place of one network.

The errors of the members on the samples that they left out set the intervals, which so hold for the platform of the
calibration samples; pseudobulk of the reference's cells could not tell that. They are a little wide, since the mean of four
members errs less than one. In `published` the same errors stop the training, as pseudobulk of the samples that it trains on
do in the code; `default` trains all its steps.

`default` had the least left-out error on 20 real PBMC samples (fractions that sum to 1; no test sample was looked at):
RMSE .060, type by type r .28-.63, against .069 of their mean and .056 of ridge regression that leaves out one sample
and not a quarter. It takes 60 markers a type, a pseudocount of 500 per million and z per sample as scaden does, a
softmax (linear: .061), no batch normalisation (with it, in as few steps: .065), and a fifth of the pseudobulk are
calibration samples as they are (half of them: .061; hardly any: .089, with batch normalisation).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from unmix.contract.method import Fit, Info, Needs, Task
from unmix.contract.model import Model
from unmix.deep.preprocessing import Transform
from unmix.deep.recipe import PREP, Deep, Net, Prep, Train
from unmix.deep.trainer import PROBE, DeepMethod, Session
from unmix.errors import UsageError
from unmix.io.fractions import normalised
from unmix.methods import register
from unmix.settings import asdict
from unmix.simulate.recipe import Simulation
from unmix.uncertainty import conformal

if TYPE_CHECKING:
    import torch

    from unmix.simulate.pseudobulk import Simulator

NET = Net(hidden=(1024, 512, 256), normed=(1,))  # original code


@dataclass(frozen=True, kw_only=True)
class Recipe(Deep):
    """Recipe of DAISM-DNN."""

    blend: tuple[float, float] = (0.01, 0.99)
    """Range of the calibration sample's share of a pseudobulk sample (original code); with 0, 0 and `untouched` 0 none is trained
    on, the original's generic mode."""
    untouched: float = 0.00125
    """Share of pseudobulk that are calibration samples as they are (original code: each of 20 once in 16,000)."""
    head: Literal["linear", "softmax"] = "linear"
    """Outputs are cut off at 0, or sum to 1 (the code's -sum2one)."""


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
    needs = Needs(calibration=True)
    info = Info(
        title="DAISM-DNN",
        family="deep",
        summary="Learns from your own samples with known fractions, multiplied in silico; take it where you have some.",
        citation="Lin Y et al. DAISM-DNN: Highly accurate cell type proportion estimation with in silico data "
        "augmentation and deep neural networks. Patterns 3, 100440 (2022).",
        doi="10.1016/j.patter.2022.100440",
        year=2022,
        licence="MIT",
        original="The original's code (2.0.5, fewer epochs) gave RMSE .065 on the package's 20 + 20 PBMC samples with "
        "a reference of 1,200 cells; ours .055 there (mean of the calibration samples .079, ridge on them .065; all "
        "with fractions scaled to sum 1).",
        chosen="Both parts of a blend at the same depth; new pseudobulk in every step; four members that each leave out a "
        "quarter of the calibration samples, whose errors set the intervals; learning rate by schedule; estimates sum "
        "to 1; default: markers, z per sample, softmax, no batch normalisation, a fifth of the pseudobulk are the samples.",
    )
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
        "sorted": replace(PUBLISHED, simulation=Simulation(single=True, aggregate="mean")),
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
            raise UsageError("the recipe has one network", "two or more, each of which leaves some samples out")
        fit = super().fit(replace(task, bulk=task.calibration.expression))
        genes, types = task.train.genes[fit.genes].tolist(), task.train.cell_types
        net, transform = self.restore(
            Model(self.name, asdict(task.recipe), genes, types, "cell", fit.arrays), task.device
        )
        estimate = normalised(_left_out(net, transform(_samples(task, fit.genes)), task.device))
        truth = normalised(task.calibration.fractions)
        return replace(fit, scores=conformal.scores(estimate, estimate, truth))

    def prepare(self, task: Task, genes: np.ndarray, simulator: Simulator) -> Transform:
        """Fit the preprocessing on blends."""
        expression, _ = _blends(task, genes, simulator, PROBE)
        return Transform.fit(task.recipe.prep, expression[0])

    def batch(self, session: Session) -> tuple[torch.Tensor, ...]:
        """Blend new pseudobulk of pure cells with calibration samples, for every member with those it may see."""
        expression, truth = _blends(session.task, session.genes, session.simulator, session.recipe.train.batch)
        members, number, genes = expression.shape
        inputs = session.transform(expression.reshape(-1, genes)).reshape(members, number, genes)
        return session.tensor(inputs), session.tensor(truth.astype(np.float32))

    def loss(self, net: Any, batch: tuple[torch.Tensor, ...], session: Session) -> torch.Tensor:
        """Return the squared error."""
        inputs, truth = batch
        return ((_head(net, net(inputs)) - truth) ** 2).mean((1, 2)).sum()

    def infer(self, net: Any, inputs: torch.Tensor) -> torch.Tensor:
        """Return the mean of the members."""
        return _head(net, net(inputs)).clamp(min=0).mean(0)

    def _error(self, net: Any, session: Session, validation: tuple[np.ndarray, np.ndarray]) -> float:
        """Return the RMSE on calibration samples, each of the member that left it out."""
        inputs = session.transform(_samples(session.task, session.genes))
        estimate = _left_out(net, inputs, session.device)
        return float(np.sqrt(((estimate - session.task.calibration.fractions) ** 2).mean()))


def _head(net: Any, outputs: torch.Tensor) -> torch.Tensor:
    return outputs.softmax(-1) if net.head == "softmax" else outputs


def _samples(task: Task, genes: np.ndarray) -> np.ndarray:
    """Return the calibration samples over the model's genes, per million of all genes that they have."""
    samples = task.calibration.expression
    return samples[:, genes] * (1e6 / np.maximum(np.nansum(samples, axis=1, keepdims=True), 1e-12))


def _cells(task: Task, simulator: Simulator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pseudobulk of pure cells and its fractions, per million of the genes that the calibration samples have."""
    drawn, train = simulator.draw(number, task.rng), task.train
    measured = train.counts.sum(0).A1[~np.isnan(task.calibration.expression).any(0)].sum() / train.total_counts.sum()
    return drawn.expression * (1e6 / (measured * drawn.depth[:, None])), drawn.truth(task.recipe.simulation.target)


def _blends(task: Task, genes: np.ndarray, simulator: Simulator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return blends and their fractions: members x `number` x genes, and x types."""
    recipe, rng, members = task.recipe, task.rng, len(task.recipe.nets)
    samples, known = _samples(task, genes), task.calibration.fractions
    left_out = np.arange(len(samples)) % members  # by which member
    chosen = np.stack([rng.choice(np.flatnonzero(left_out != member), number) for member in range(members)])
    cells, pure = _cells(task, simulator, number)
    share = rng.uniform(*recipe.blend, (members, number, 1))
    share[rng.random(share.shape) < recipe.untouched] = 1.0
    expression = share * samples[chosen] + (1 - share) * cells
    return expression.astype(np.float32), share * known[chosen] + (1 - share) * pure


def _left_out(net: Any, inputs: np.ndarray, device: str) -> np.ndarray:
    """Return the estimate of every calibration sample by the member that has never seen it."""
    import torch

    net.eval()
    with torch.no_grad():
        outputs = _head(net, net(torch.from_numpy(inputs).to(device))).clamp(min=0).float().cpu().numpy()
    sample = np.arange(len(inputs))
    return outputs[sample % len(outputs), sample]
