"""Classical methods: arrays learned from the reference, and a pure function from these and a sample to fractions.

What a method learns are arrays whose first axis is the types; those of two axes have the model's genes as the second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from unmix.classical.signature import Genes, choose
from unmix.classical.solvers import for_each
from unmix.classical.weights import weighed
from unmix.contract.blocks import one_thread
from unmix.contract.method import Fit, Method, Task
from unmix.io.fractions import normalised
from unmix.io.signatures import signature_of
from unmix.settings import NonNegative, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from unmix.contract.attributions import Attributions
    from unmix.contract.model import Model
    from unmix.reference import Reference

#: Standard errors to either side: 90 % of a normal distribution; calibration makes of it what the level asks for.
ERRORS = 1.645
#: Profiles of each type from which differences between types are tested: two are left where one is held out.
REPLICATES = 3


class Recipe(Settings):
    """What the recipe of every classical method has."""

    genes: Genes = Genes()
    """Genes of the model."""
    fractions: Literal["own", "cell", "mrna"] = "own"
    """Fractions of cells or of their mRNA: what the method estimates itself, or that converted by the mean total
    count of a cell of each type in the reference (as far as these totals reflect RNA contents)."""


class Classical(Recipe):
    """Recipe of a method over a signature."""

    gene_weights: Literal["none", "root", "mean"] = "none"
    """``mean``: every gene is divided by its mean over types, so that genes count alike; platforms change genes by
    factors, and unweighted least squares follows the few highest genes; ``root``: by the root of its mean."""
    max_ratio: NonNegative = 0.0
    """If above 0: a gene counts at most so many times its highest type, since no pseudobulk sample of the types
    explains more; a single gene of another platform otherwise rules the squares."""


class ClassicalMethod(Method):
    """A method that solves the samples; subclasses define :meth:`learn`, and :meth:`solve` or :meth:`solve_cohort`."""

    layout = {"rna?": "amount: types"}

    @classmethod
    def suited(cls, recipe: Any, cells: Reference, say: Callable[[str], None]) -> Any:
        """Choose genes by their ratios where profiles have too few replicates for a test."""
        fewest = cells.cells_per_type().min()
        if recipe.genes.rule != "differential" or cells.kind == "cells" or fewest >= REPLICATES:
            return recipe
        say(
            f"Genes were chosen by ratios of the profiles, not by a test, which needs {REPLICATES} profiles of each "
            f"type: a type has {fewest}."
        )
        return recipe.changed(genes=recipe.genes.changed(rule="markers"))

    def fit(self, task: Task) -> Fit:
        """Choose genes and learn the arrays of the types."""
        genes = choose(task.recipe.genes, task.train, task.measured)
        learned = self.learn(task.train, genes, task.recipe)
        quantity = self.quantity if task.recipe.fractions == "own" else task.recipe.fractions
        if quantity != self.quantity:
            learned["rna"] = np.maximum(task.train.mrna_per_cell(), 1e-12)
        return Fit(genes, learned, {}, quantity)

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Solve the samples over the genes that are present; a type without expression there gets 0."""
        weights = np.zeros((len(expression), len(model.cell_types)))
        learned, samples, place = solvable(model, expression, present)
        if len(samples):
            with one_thread():
                weights[place] = self.solve_cohort(learned, samples, self.recipe_of(model))
        return weights * conversion(model)

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Any) -> dict[str, np.ndarray]:
        """Return the arrays of the types; the first of two axes marks which types are expressed.

        Parameters
        ----------
        cells
            To learn from, with all genes.
        genes
            Indices of the genes the model uses.
        recipe
            Of the method's own type.
        """
        raise NotImplementedError

    def solve_cohort(self, learned: dict[str, np.ndarray], samples: np.ndarray, recipe: Any) -> np.ndarray:
        """Return the weights of the types in samples (samples x genes); by default sample by sample."""
        return np.stack([self.solve(learned, sample, recipe) for sample in samples])

    def solve(self, learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Any) -> np.ndarray:
        """Return the weights of the types (not yet divided by their sum).

        Parameters
        ----------
        learned
            Of :meth:`learn`, over the genes that are present and the types that are expressed.
        sample
            Genes, linear, not all zero.
        recipe
            Of the method's own type.
        """
        raise NotImplementedError


def present_arrays(model: Model, present: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return what a model learned over the genes that are present, and the indices of the types expressed there."""
    learned = {
        name: array
        for name, array in model.arrays.items()
        if not name.startswith(("intervals.", "domain_shift.", "reference."))
    }
    learned = {name: array[:, present] if array.ndim == 2 else array for name, array in learned.items()}
    known = np.flatnonzero(next(array for array in learned.values() if array.ndim == 2).any(1))
    return {name: array[known] for name, array in learned.items()}, known


def solvable(
    model: Model, expression: np.ndarray, present: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray, tuple[np.ndarray, ...]]:
    """Return what :func:`present_arrays` does, the samples that express a gene, and their place in the estimates."""
    learned, known = present_arrays(model, present)
    if not present.all():
        expression = np.compress(present, expression, axis=1)
    expressed = np.flatnonzero(expression.any(1)) if len(known) else np.zeros(0, int)
    chosen = expression if len(expressed) == len(expression) else expression[expressed]  # no copy of a cohort
    return learned, chosen.astype(np.float64, copy=False), np.ix_(expressed, known)


def conversion(model: Model) -> np.ndarray:
    """Return by what the weights of the types (or all) are multiplied where a recipe asks for the other fractions."""
    size = model.arrays.get("rna", np.ones(1))
    return 1 / size if model.quantity == "cell" else size


class WithErrors(ClassicalMethod):
    """A method whose fit gives the covariance of the weights as well; subclasses define :meth:`fitted`."""

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Solve the samples; negative weights are 0."""
        return self.estimate_with_bounds(model, expression, present, device)[0]

    def estimate_with_bounds(
        self, model: Model, expression: np.ndarray, present: np.ndarray, device: str
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Return the weights, and the fractions less and plus their standard errors."""
        weights, errors = np.zeros((2, len(expression), len(model.cell_types)))
        learned, samples, place = solvable(model, expression, present)
        if len(samples):
            size, recipe = np.broadcast_to(conversion(model), weights.shape[1:])[place[1][0]], self.recipe_of(model)
            with one_thread():
                fits = [self.fitted(learned, sample, recipe) for sample in samples]
            weights[place] = [np.clip(size * own, 0, None) for own, _ in fits]
            errors[place] = [standard_errors(size * own, np.outer(size, size) * covariance) for own, covariance in fits]
        fractions = normalised(weights)
        return weights, (np.clip(fractions - ERRORS * errors, 0, 1), np.clip(fractions + ERRORS * errors, 0, 1))

    def fitted(self, learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights of the types, of which negative ones count as 0, and their covariance.

        Parameters as for :meth:`ClassicalMethod.solve`.
        """
        raise NotImplementedError


def standard_errors(weights: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the standard errors of the weights divided by their sum (delta method)."""
    positive = np.clip(weights, 0, None)
    total = max(positive.sum(), 1e-300)
    jacobian = (np.eye(len(weights)) - np.outer(positive / total, np.ones(len(weights)))) / total
    return np.sqrt(np.clip(np.diag(jacobian @ covariance @ jacobian.T), 0, None))


class SignatureMethod(ClassicalMethod):
    """A method over a signature alone; subclasses define :meth:`regress`."""

    layout = {"signature": "types genes"}
    quantity = "mrna"
    takes = "signature"

    def fit(self, task: Task) -> Fit:
        """Take the signature of the user's file, with its own genes and types, or learn one."""
        if not task.published:
            return super().fit(task)
        own, fractions = signature_of(task.published, task.recipe.fractions), task.recipe.fractions
        learned = {"signature": own.signature.to_numpy().T}
        if fractions not in ("own", self.quantity):
            learned["rna"] = own.size.to_numpy()
        quantity = self.quantity if fractions == "own" else fractions
        return Fit(own.signature.index.to_numpy(str), learned, {}, quantity, tuple(own.signature.columns))

    def learn(self, cells: Reference, genes: np.ndarray, recipe: Classical) -> dict[str, np.ndarray]:
        """Return the signature (types x genes): pooled counts per million, so that weights are those of mRNA."""
        return {"signature": 1e6 * cells.select(genes=genes).profiles()}

    def solve(self, learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Classical) -> np.ndarray:
        """Scale signature and sample to the same mean, weigh the genes, regress."""
        design, weigh = weighed(learned["signature"], recipe)
        return self.regress(design, weigh(sample), recipe)

    def regress(self, signature: np.ndarray, sample: np.ndarray, recipe: Any) -> np.ndarray:
        """Return the weights of the types.

        Parameters
        ----------
        signature
            Genes x types.
        sample
            Genes.
        recipe
            Of the method's own type.
        """
        raise NotImplementedError


class LeastSquares(SignatureMethod):
    """A regression whose weights are a matrix times the sample, once it is known which of them are not zero."""

    def solve_cohort(self, learned: dict[str, np.ndarray], samples: np.ndarray, recipe: Classical) -> np.ndarray:
        """Weigh the samples in blocks, and regress each on as many equations as there are types."""
        design, weigh = weighed(learned["signature"], recipe)
        return for_each(lambda equations, goal: self.regress(equations, goal, recipe), design, weigh, samples)

    def attribute(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> Attributions:
        """Attribute exactly: every gene has its own summand in every weight."""
        from unmix.contract.attributions import Attributions

        recipe = self.recipe_of(model)
        design, weigh = weighed(model.arrays["signature"][:, present], recipe)
        estimate = normalised(self.estimate(model, expression, present, device))
        values = np.zeros((*estimate.shape, len(present)))
        for i, sample in enumerate(expression[:, present]):
            types = np.flatnonzero(estimate[i])
            if sample.any():
                summands = self.inverse(design[:, types], design, recipe) * weigh(sample)
                summands *= (estimate[i, types] / summands.sum(1))[:, None]  # to the unit of the estimate
                values[np.ix_([i], types, np.flatnonzero(present))] = summands
        return Attributions(values, estimate, np.zeros(estimate.shape[1]))

    def inverse(self, active: np.ndarray, design: np.ndarray, recipe: Any) -> np.ndarray:
        """Return the matrix, types x genes, that turns a sample into the weights of the active types.

        Parameters
        ----------
        active, design
            Genes x types: those with a weight, and all.
        recipe
            Of the method's own type.
        """
        return np.linalg.pinv(active)
