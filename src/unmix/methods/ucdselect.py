"""UCDSelect: your own cell types by what a network trained on an atlas sees in them (Charytonowicz et al. 2023).

The last hidden layer of UCDBase describes a sample in some hundred numbers. Each of your types is described in the same
way, a sample is regressed on these descriptions with weights of 0 or more, and the weights are divided by their sum.
The authors' server code is not public; that it is such a regression is inferred from their results, in which all rows
sum to 1 and half of the entries are exactly 0. This is a re-implementation from the published description.

The embedding is that of a model of ucdbase (`--weights ucdbase.safetensors`, trained on an atlas with other types), or
is trained on the fly from the reference. `published` describes a type by its mean profile. `default` describes it by
the least squares fit to pseudobulk of known fractions, since neither layer nor logarithm adds up as expression does: with an
embedding of the same types the RMSE on the common case is .040 instead of .064. `--set head=true` trains a new softmax
layer over the frozen ones instead: .023 there, but .073 against .052 with an embedding of four of the eight types.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from unmix.classical.solvers import nonnegative
from unmix.contract.method import Fit, Info, Method, Task
from unmix.contract.model import Model
from unmix.deep.trainer import DeepMethod
from unmix.errors import DataError
from unmix.methods import register, ucdbase
from unmix.settings import asdict
from unmix.simulate.pseudobulk import Simulator

if TYPE_CHECKING:
    from unmix.contract.attributions import Attributions

#: Simulated pseudobulk by which the types are described, or the new output layer is trained.
PSEUDOBULK = 2000
#: Steps of its training, on all pseudobulk at once.
HEAD_STEPS = 500


@dataclass(frozen=True, kw_only=True)
class Recipe(ucdbase.Recipe):
    """Recipe of UCDSelect."""

    use: Literal["both", "embeddings", "features"] = "both"
    """What describes a sample (code: ``method``): the last hidden layer, log expression of genes, or both."""
    quantile: float = 0.8
    """Features are genes whose mean over the types is above this quantile (code: and in the mixture; ours leaves that
    out, so that no sample depends on others)."""
    types: Literal["means", "pseudobulk"] = "pseudobulk"
    """What describes a type: its mean profile (code), or the least squares fit to pseudobulk of known fractions."""
    head: bool = False
    """Instead of the regression: a new softmax layer over the frozen embedding, trained on pseudobulk."""


@register
class UCDSelect(ucdbase.UCDBase):
    """Regression on the embedding of the types."""

    name = "ucdselect"
    info = Info(
        title="UniCell Deconvolve Select",
        family="deep",
        summary="Your own cell types by the embedding of an atlas that a ucdbase model has learnt.",
        citation=ucdbase.UCDBase.info.citation,
        doi=ucdbase.UCDBase.info.doi,
        year=2023,
        licence="GPL-3.0 (not contained)",
        original="The server's code is not public and the inputs of its published results are not stored: nothing to "
        "compare with. Like them, rows sum to 1 and hold exact zeros.",
        chosen="non-negative least squares on last hidden layer and log expression, both scaled to the same size; "
        "features by the reference alone; `default`: all genes of the embedding, types described by pseudobulk",
    )
    weights = "network"
    recipes = {
        "default": Recipe(**vars(ucdbase.UCDBase.recipes["default"]), quantile=0.0),
        "published": Recipe(**vars(ucdbase.PUBLISHED), types="means"),
    }

    def network(self, recipe: Recipe, inputs: int, outputs: int, generator: Any) -> Any:
        """Build the network without its output layer: the last hidden one is what is asked for."""
        return super().network(recipe, inputs, recipe.nets[0].hidden[-1], generator)

    def learn(self, task: Task) -> Fit:
        """Take or train the embedding, then describe the types of the reference by it."""
        import pandas as pd

        base = _base(task)
        recipe = replace(task.recipe, prep=base.recipe.prep, nets=base.recipe.nets)
        places = pd.Index(task.train.genes).get_indexer(base.genes)
        present = places >= 0
        profiles = np.where(present, 1e6 * task.train.profiles()[:, places], 0)
        mean = profiles.mean(0)
        arrays = _without_output(base.arrays, recipe)
        arrays["select.features"] = present & (mean > np.quantile(mean[mean > 0], recipe.quantile))
        model = Model(self.name, asdict(recipe), base.genes, task.train.cell_types, "cell", arrays)
        truth = np.eye(len(profiles))
        if recipe.types == "pseudobulk":
            drawn = Simulator(task.train, recipe.simulation, task.rng).draw(PSEUDOBULK, task.rng)
            profiles, truth = np.where(present, drawn.expression[:, places], 0), drawn.truth(recipe.simulation.target)
        seen = self._described(model, profiles, present, task.device)
        arrays["select.types"] = np.linalg.lstsq(truth, seen, rcond=None)[0]
        if recipe.head:
            arrays["select.head"] = _head(seen[:, : recipe.nets[0].hidden[-1]], truth)
        return Fit(np.array(base.genes), arrays, base.facts, recipe=recipe)

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Regress every sample on the types, over the features that it has."""
        if "select.head" in model.arrays:
            seen = self._described(model, expression, present, device)
            head = model.arrays["select.head"]
            return np.stack([_softmax(row[: len(head) - 1], head) for row in seen])
        features = np.flatnonzero(model.arrays["select.features"])
        types = model.arrays["select.types"]
        width = types.shape[1] - len(features)
        used = np.concatenate([np.ones(width, bool), present[features]])
        use = {"embeddings": (1, 0), "features": (0, 1), "both": (1, 1)}[self.recipe_of(model).use]
        size = [np.sqrt((block**2).sum()) or 1 for block in (types[:, :width], types[:, width:])]
        weight = np.repeat([use[0] / size[0], use[1] / size[1]], [width, len(features)])[used]
        design = (types[:, used] * weight).T
        seen = self._described(model, expression, present, device)[:, used] * weight
        return np.stack([nonnegative(design, row) for row in seen])

    def _described(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Return samples x (last hidden layer, log expression of the features)."""
        import torch

        net, transform = self.restore(model, device)
        with torch.no_grad():
            rows = [torch.from_numpy(transform(row[None], present)).to(device) for row in expression]
            hidden = torch.cat([net(row)[0] for row in rows]).double().cpu().numpy()
        goal = 1e4 * transform.share[present].sum()
        logs = np.log1p(goal * expression / np.maximum(expression[:, present].sum(1, keepdims=True), 1e-12))
        return np.concatenate([hidden, logs[:, model.arrays["select.features"]]], axis=1)

    def attribute(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> Attributions:
        """Attribute the expression that the fractions explain: a regression has no gradient that says more."""
        return Method.attribute(self, model, expression, present, device)


@dataclass(frozen=True)
class Base:
    """An embedding: genes, arrays and recipe of a trained UCDBase."""

    genes: list[str]
    arrays: dict[str, np.ndarray]
    recipe: Any
    facts: dict[str, Any]


def _base(task: Task) -> Base:
    """Take the embedding from the model that the user gave, or train one on the reference.

    Raises
    ------
    DataError
        If the file is no model of ucdbase, or of other genes than the reference.
    """
    method = ucdbase.UCDBase()
    if not task.weights:
        fit = DeepMethod.fit(method, task)
        return Base(task.train.genes[fit.genes].tolist(), fit.arrays, task.recipe, fit.facts)
    model = Model.load(task.weights[0])
    found = np.isin(model.genes, task.train.genes).mean() if model.genes else 0.0
    if model.method != method.name or found < 0.5:
        raise DataError(
            f"{task.weights[0].name}: a model of {model.method}; the reference has {found:.0%} of its genes",
            "a model of ucdbase with the genes of the reference",
            "unmix_train.py ATLAS --method ucdbase --out ucdbase.safetensors",
        )
    return Base(model.genes, model.arrays, method.recipe_of(model), {"embedding": len(model.cell_types)})


def _without_output(arrays: dict[str, np.ndarray], recipe: Recipe) -> dict[str, np.ndarray]:
    """Return network and preprocessing with an output layer that lets the last hidden one pass."""
    hidden = recipe.nets[0].hidden
    last, width = len(hidden) - 1, hidden[-1]
    kept = {name: array for name, array in arrays.items() if name.startswith(("net.", "prep."))}
    kept[f"net.weights.{last}"] = np.eye(width, dtype=np.float32)[None]
    kept[f"net.biases.{last}"] = np.zeros((1, 1, width), np.float32)
    return kept


def _head(seen: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the weights (and, last, the constants) of a softmax layer that minimises its squared error."""
    import torch

    mean, deviation = seen.mean(0), np.maximum(seen.std(0), 1e-6)
    inputs, target = (torch.from_numpy(part) for part in ((seen - mean) / deviation, truth))
    weights = torch.zeros(inputs.shape[1], truth.shape[1], dtype=inputs.dtype, requires_grad=True)
    constants = torch.zeros(truth.shape[1], dtype=inputs.dtype, requires_grad=True)
    optimiser = torch.optim.Adam([weights, constants], lr=0.01)
    for _ in range(HEAD_STEPS):
        optimiser.zero_grad()
        (((inputs @ weights + constants).softmax(1) - target) ** 2).mean().backward()
        optimiser.step()
    found = weights.detach().numpy() / deviation[:, None]
    return np.vstack([found, constants.detach().numpy() - mean @ found])


def _softmax(row: np.ndarray, head: np.ndarray) -> np.ndarray:
    logits = np.append(row, 1.0) @ head
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()
