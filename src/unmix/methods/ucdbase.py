"""UCDBase: one wide network over all cell types of an atlas, with fractions added up along the Cell Ontology.

Pseudobulk of 1 to 32 types with integer weights, four hidden layers, softmax, and belief propagation: every term of the
ontology has its own fraction and those of the terms below it (Charytonowicz et al. 2023). `--ontology cl.obo` writes
hierarchy.tsv; `--set 'nodes.CD4T=CL:0000624'` names a type's term; `--set 'splits.Tumour=cancer'` splits types whose
names begin with Tumour.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from pydantic import Field

from unmix.deep.recipe import PREP, TRAIN, Dense, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.errors import DataError
from unmix.methods import register
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import numpy as np

    from unmix.contract.method import Fit, Task
    from unmix.contract.model import Model
    from unmix.io.ontology import Levels, Ontology


class Recipe(Dense):
    """Recipe of UCDBase."""

    nodes: dict[str, str] = Field(default_factory=dict)
    """Cell types whose term of the ontology is called otherwise, and its name or identifier."""
    splits: dict[str, str] = Field(default_factory=dict)
    """Beginnings of the names of cell types, and the split they are of (code: cancer, lines); others are primary."""


PUBLISHED = Recipe(
    prep=Prep(genes="all", depth=1e4, log="ln", sample="clipped", missing="zero"),
    simulation=Simulation(  # code: PseudoBulkGenerator
        composition="integer_weights", cells=1, cells_max=10_000, rounding="floor", replace=False, aggregate="mean"
    ),
    nets=(Net(hidden=(2048, 1024, 512, 256)),),  # "four hidden layers" (review); widths are our choice
    train=Train(steps=20_000, batch=128, lr=1e-4),  # code: Adam 1e-4; batch 2,048 on eight GPUs, 50 epochs of 8 million
)


@register
class UCDBase(DeepMethod):
    """Squared error of a softmax over all types (the code's ``sparseMSE`` is not public)."""

    name = "ucdbase"
    layout = {"ontology.share?": "types terms"}
    recipes = {
        "default": Recipe(
            prep=PREP,
            simulation=Simulation(composition="integer_weights", cells=200, platform=0.5),
            nets=(Net(hidden=(1024, 512, 256, 128)),),
            train=TRAIN,
        ),
        "published": PUBLISHED,
    }

    def fit(self, task: Task) -> Fit:
        """Learn; with an ontology, freeze how fractions reach its terms."""
        levels, names = _levels(task) if task.ontology else (None, {})
        fit = self.learn(task)
        if levels is not None:
            fit.arrays["ontology.share"] = levels.share
            fit.facts["ontology"] = {
                "nodes": [names[term] for term in levels.nodes],
                "parents": [[names[parent] for parent in above] for above in levels.parents],
            }
        return fit

    def learn(self, task: Task) -> Fit:
        """Train the network."""
        return super().fit(task)

    def tables(
        self, model: Model, expression: np.ndarray, present: np.ndarray, device: str, estimate: np.ndarray
    ) -> dict[str, list[list[dict[str, Any]]]]:
        """Return the fraction of every term of the ontology, and of every split, where there are any."""
        found = {}
        if "ontology.share" in model.arrays:
            terms = model.facts["training"]["ontology"]
            found["hierarchy"] = [_hierarchy(terms, row) for row in estimate @ model.arrays["ontology.share"]]
        if beginnings := self.recipe_of(model).splits:
            found["splits"] = [_splits(model.cell_types, row, beginnings) for row in estimate]
        return found


def _levels(task: Task) -> tuple[Levels, dict[str, str]]:
    """Return how the reference's types add up along the user's ontology, and the names of its terms."""
    from unmix.io import ontology

    known: Ontology = ontology.read_obo(task.ontology)
    types = task.train.cell_types
    terms = ontology.find(known, types, task.recipe.nodes)
    if not terms:
        raise DataError(
            f"{task.ontology.name} has none of the cell types ({', '.join(types[:5])} ...)",
            "types that are called as in the ontology, or a table of their terms",
            f"--set {shlex.quote(f'nodes.{types[0]}=CL:...')}",
        )
    if lost := [name for name in types if name not in terms]:
        task.say(f"The ontology has no term for {', '.join(lost)}: not in hierarchy.tsv (--set 'nodes.NAME=CL:...').")
    return ontology.levels(known.parents, terms, types), known.names


def _hierarchy(terms: dict[str, Any], values: np.ndarray) -> list[dict[str, Any]]:
    """Return a row for each term that anything reached, parents first."""
    rows = zip(terms["nodes"], terms["parents"], values.tolist(), strict=True)
    return [{"node": node, "parent": "; ".join(parents), "value": value} for node, parents, value in rows if value > 0][
        ::-1
    ]


def _splits(cell_types: list[str], fractions: np.ndarray, beginnings: dict[str, str]) -> list[dict[str, Any]]:
    """Return shares within each split: primary types of their sum, others of the whole, with the rest of it."""
    split_of = [
        next((split for begin, split in beginnings.items() if name.casefold().startswith(begin.casefold())), "primary")
        for name in cell_types
    ]
    rows = []
    for split in dict.fromkeys(["primary", *beginnings.values()]):
        own = [(name, value) for name, value, of in zip(cell_types, fractions, split_of, strict=True) if of == split]
        total = max(sum(value for _, value in own), 1e-12) if split == "primary" else 1.0
        rows += [{"split": split, "cell_type": name, "share": float(value / total)} for name, value in own]
        if split != "primary":
            rows.append({"split": split, "cell_type": "rest", "share": float(1 - sum(value for _, value in own))})
    return rows
