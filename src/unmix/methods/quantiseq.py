"""quanTIseq: least squares with a share for other cells, then division by the mRNA of a cell (Finotello et al. 2019).

    min ||signature f - sample||^2, f >= 0, sum(f) <= 1

`--signature` takes TIL10, its mRNA contents and a list of genes to exclude. `other=true` (`published`) adds the column
Other: the share of cells that no type of the signature explains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.base import Classical, ClassicalMethod
from unmix.classical.signature import Genes, choose
from unmix.classical.solvers import for_each, sum_constrained, sum_divided
from unmix.classical.weights import capped, weights_of
from unmix.contract.blocks import one_thread
from unmix.contract.method import Fit, Task
from unmix.errors import UsageError
from unmix.io.signatures import signature_of
from unmix.methods import register

if TYPE_CHECKING:
    from unmix.contract.model import Model
    from unmix.reference import Reference

#: Code: estimates of regulatory T cells below it are doubted, because CD4+ T cells hide them.
FEW = 0.02


class Recipe(Classical):
    """Recipe of quanTIseq."""

    genes: Genes = Genes(rule="all")
    """All genes give the scale of a sample."""
    signature: Genes = Genes()
    """The genes of a signature that is built from the reference."""
    other: bool = True
    """Whether cells of types not in the reference may take a share."""
    tregs: str = "Tregs"
    """Code: name of the regulatory T cells; where few are found, the sample is fitted again without the `helpers`, and
    the mean of the two estimates is taken from these. Names as in TIL10, no effect on signatures without them."""
    helpers: str = "T.cells.CD4"
    """Code: name of the helper T cells."""


@register
class QuanTIseq(ClassicalMethod):
    """min ||signature f - sample||^2, f >= 0, sum(f) <= 1."""

    name = "quantiseq"
    layout = {"signature": "own genes", "size": "amount: own"}
    quantity = "cell"
    takes = "signature"
    recipes = {
        "default": Recipe(gene_weights="mean", max_ratio=3, other=False),
        "published": Recipe(),
    }

    def fit(self, task: Task) -> Fit:
        """Take the signature of the user's files, or learn one; all genes of the reference give the scale."""
        recipe, cells = task.recipe, task.train
        if recipe.fractions == "mrna":
            raise UsageError("quantiseq divides by mRNA contents itself", "--set fractions=own or cell")
        places = np.arange(len(cells.genes)) if task.measured is None else task.measured
        genes, types, learned, quantity = cells.genes[places], cells.cell_types, None, self.quantity
        if task.published:
            own = signature_of(task.published, "own")
            table = own.signature.drop(index=own.genes, errors="ignore")
            genes, types = np.union1d(cells.genes, table.index.to_numpy(str)), list(table.columns)
            quantity = self.quantity if own.size is not None else "mrna"
            size = np.ones(len(types)) if own.size is None else own.size.fillna(own.size.mean()).to_numpy()
            learned = {"signature": table.reindex(genes, fill_value=0.0).to_numpy().T, "size": size}
        others = ["Other"] if recipe.other else []
        learned = learned or self.learn(cells, places, recipe)
        return Fit(genes, learned, {}, quantity, (*types, *others))

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Recipe) -> dict[str, np.ndarray]:
        """Return the pooled profiles per million, zero but for the signature's genes, and the mRNA of a cell."""
        signature = np.zeros((len(cells.cell_types), len(genes)))
        chosen = choose(recipe.signature, cells, genes)
        signature[:, np.isin(genes, chosen)] = 1e6 * cells.select(genes=chosen).profiles()
        return {"signature": signature, "size": cells.mrna_per_cell()}

    def decisive(self, model: Model) -> np.ndarray:
        """Return the genes of the signature."""
        return model.arrays["signature"].any(0)

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Solve the samples, scaled to a million over the genes that are present."""
        recipe, learned = self.recipe_of(model), model.arrays
        used = np.flatnonzero(present & learned["signature"].any(0))
        result, expressed = np.zeros((len(expression), len(model.cell_types))), expression[:, used].any(1)
        if not expressed.any():
            return result
        signature, size = learned["signature"][:, used], np.maximum(learned["size"], 1e-12)
        with one_thread():
            cells = cell_fractions(signature, used, expression[expressed], size, model.cell_types, recipe)
        result[expressed, : len(size)] = cells
        if recipe.other:
            result[expressed, -1] = np.maximum(0, 1 - cells.sum(1))
        return result


def cell_fractions(
    signature: np.ndarray, used: np.ndarray, samples: np.ndarray, size: np.ndarray, names: list[str], recipe: Recipe
) -> np.ndarray:
    """Return the fractions of cells of the known types (samples x types), which sum to 1 or less.

    Parameters
    ----------
    signature
        Types x genes that are used, per million.
    used
        Indices of these genes.
    samples
        Samples x all genes, none without expression.
    size
        Types: mRNA of a cell.
    names
        Of the types.
    recipe
        `gene_weights`, `max_ratio`, `other`, `tregs`, `helpers`.
    """
    scale = signature.mean()
    weights = weights_of(signature / scale, recipe) / scale
    constrained = sum_constrained if recipe.other else sum_divided  # the known types alone have no level to be held to

    def targets(block: np.ndarray) -> np.ndarray:
        return capped(signature, 1e6 * block[:, used] / block.sum(1, keepdims=True), recipe.max_ratio) * weights

    def solve(design: np.ndarray, target: np.ndarray, kept: np.ndarray | slice = slice(None)) -> np.ndarray:
        x = np.zeros(len(size))
        x[kept] = constrained(design[:, kept], target, exactly=not recipe.other)
        cells = x / size
        return cells * (x.sum() / max(cells.sum(), 1e-300))

    def of_sample(design: np.ndarray, target: np.ndarray) -> np.ndarray:
        first = solve(design, target)
        if recipe.tregs in names and recipe.helpers in names:
            tregs, helpers = names.index(recipe.tregs), names.index(recipe.helpers)
            if first[tregs] < FEW:
                again = solve(design, target, np.arange(len(size)) != helpers)
                mean = (first[tregs] + again[tregs]) / 2
                first[tregs], first[helpers] = mean, max(0.0, first[helpers] - mean)
        return first

    return for_each(of_sample, (signature * weights).T, targets, samples)
