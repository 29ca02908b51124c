"""UCDSelect: cell types described by a network that was trained on an atlas (Charytonowicz et al. 2023).

The last hidden layer of UCDBase embeds types and samples. A sample is regressed on the embeddings of the types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from unmix.classical.solvers import nonnegative
from unmix.contract.blocks import in_blocks
from unmix.contract.method import Fit, Method, Task
from unmix.contract.model import Model
from unmix.deep.embedding import softmax_layer, softmax_of, without_output
from unmix.deep.trainer import DeepMethod
from unmix.errors import DataError, NotApplicable
from unmix.methods import register, ucdbase
from unmix.settings import Rule, Share, asdict
from unmix.simulate.pseudobulk import Simulator

if TYPE_CHECKING:
    from unmix.contract.attributions import Attributions

#: Simulated pseudobulk for describing the types or training the new output layer.
PSEUDOBULK = 2000


class Recipe(ucdbase.Recipe):
    """Recipe of UCDSelect."""

    use: Literal["both", "embeddings", "features"] = "both"
    """What describes a sample (code: ``method``): the last hidden layer, log expression of genes, or both."""
    quantile: Share = 0.8
    """Features: genes with a mean over types above this quantile (code: in the mixture too; ours is without it)."""
    types: Literal["means", "pseudobulk"] = "pseudobulk"
    """What describes a type: its mean profile (code), or the least squares fit to pseudobulk of known fractions."""
    head: bool = False
    """Instead of the regression: a new softmax layer over the frozen embedding, trained on pseudobulk."""

    rules = (
        Rule(("nets",), lambda s: s.nets[0].hidden, "a first network with hidden layers, the last of which embeds"),
    )


@register
class UCDSelect(ucdbase.UCDBase):
    """Regression on the embedding of the types."""

    name = "ucdselect"
    layout = {"select.features": "bool: genes", "select.types": "types described", "select.head?": "inputs types"}
    takes = "pretrained"
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
        recipe = task.recipe.changed(prep=base.recipe.prep, nets=base.recipe.nets)
        places = pd.Index(task.train.genes).get_indexer(base.genes)
        present = places >= 0
        profiles = np.where(present, 1e6 * task.train.profiles()[:, places], 0)
        truth, mean = np.eye(len(profiles)), profiles.mean(0)
        arrays = without_output(base.arrays, recipe.nets[0].hidden)
        arrays["select.features"] = present & (mean > np.quantile(mean[mean > 0], recipe.quantile))
        model = Model(self.name, asdict(recipe), base.genes, task.train.cell_types, "cell", arrays)
        if recipe.types == "pseudobulk":
            drawn = Simulator(task.train, recipe.simulation, task.rng).draw(PSEUDOBULK, task.rng)
            profiles, truth = np.where(present, drawn.expression[:, places], 0), drawn.truth(recipe.simulation.target)
        seen = self._described(model, profiles, present, task.device)
        arrays["select.types"] = np.einsum("ts,sf->tf", np.linalg.pinv(truth), seen)  # lstsq depends on the threads
        if recipe.head:
            arrays["select.head"] = softmax_layer(seen[:, : recipe.nets[0].hidden[-1]], truth)
        return Fit(np.array(base.genes), arrays, base.facts, recipe=recipe, bulk_values=base.bulk_values)

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Regress every sample on the types, over the features that it has."""
        seen, head = self._described(model, expression, present, device), model.arrays.get("select.head")
        if head is not None:
            return np.stack([softmax_of(row[: len(head) - 1], head) for row in seen])
        types, features = model.arrays["select.types"], np.flatnonzero(model.arrays["select.features"])
        width = types.shape[1] - len(features)
        used = np.concatenate([np.ones(width, bool), present[features]])
        use = {"embeddings": (1, 0), "features": (0, 1), "both": (1, 1)}[self.recipe_of(model).use]
        size = [np.sqrt((block**2).sum()) or 1 for block in (types[:, :width], types[:, width:])]
        weight = np.repeat([use[0] / size[0], use[1] / size[1]], [width, len(features)])[used]
        design = (types[:, used] * weight).T
        return np.stack([nonnegative(design, row) for row in seen[:, used] * weight])

    def _described(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Return samples x (last hidden layer, log expression of the features)."""
        import torch

        net, transform = self.restore(model, device)

        def embedded(block: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return net(torch.from_numpy(transform(block, present)).to(device))[0].double().cpu().numpy()

        hidden = in_blocks(embedded, expression)
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
    bulk_values: bool = False


def _base(task: Task) -> Base:
    """Take the embedding from the model that the user gave, or train one on the reference.

    Raises
    ------
    DataError, NotApplicable
        If the file is no model of ucdbase; if it is one of other genes.
    """
    method = ucdbase.UCDBase()
    if not task.published:
        fit = DeepMethod.fit(method, task)
        return Base(task.train.genes[fit.genes].tolist(), fit.arrays, task.recipe, fit.facts, fit.bulk_values)
    model = Model.load(task.published[0])
    found = np.isin(model.genes, task.train.genes).mean() if model.genes else 0.0
    how = "unmix_train.py ATLAS --method ucdbase --out ucdbase.safetensors"
    if model.method != method.name:
        raise DataError(f"{task.published[0].name}: a model of {model.method}", "a model of ucdbase", how)
    if found < 0.5:
        raise NotApplicable(f"{found:.0%} of the genes of {task.published[0].name} are given", "50 % or more", how)
    return Base(model.genes, model.arrays, method.recipe_of(model), {"embedding": len(model.cell_types)})
