"""Scores of gene sets: comparable between samples, not between types, and never fractions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.contract.method import Fit, Method, Task
from unmix.errors import DataError, NotApplicable
from unmix.io import signatures
from unmix.reference.markers import find_markers
from unmix.settings import Count, Settings

if TYPE_CHECKING:
    from unmix.contract.attributions import Attributions
    from unmix.contract.model import Model


class Recipe(Settings):
    """Recipe of a score over gene sets."""

    markers: Count = 10
    """Genes of each type taken from the reference, highest in it by ratio, where no file of gene sets is given."""


class ScoreMethod(Method):
    """A method over gene sets; subclasses define :meth:`score`.

    The sets are those of the user's file, one column each, or markers of the reference's types.
    """

    layout = {"member": "int: sets genes"}
    quantity = "score"
    takes = "gene_sets"

    def fit(self, task: Task) -> Fit:
        """Keep the sets, and the genes among which theirs are compared."""
        cells, own = task.train, signatures.read(task.published, "gene_sets")
        if task.published and not own.sets:
            raise NotApplicable(
                f"no file of --gene-sets holds gene sets, which {self.name} scores",
                "a GMT, or a table with the columns gene_set, gene",
                "give the gene sets, or no file to take markers of the reference",
            )
        if own.sets:
            sets = own.sets
        else:
            chosen = find_markers(1e6 * cells.profiles() + 1, task.recipe.markers)
            sets = {name: cells.genes[mine] for name, mine in zip(cells.cell_types, chosen, strict=True)}
        genes = np.array(own.genes or sorted({*cells.genes}.union(*sets.values())), dtype=str)
        member = np.stack([np.isin(genes, list(members)) for members in sets.values()])
        kept = member.any(1)
        if not kept.any():
            raise DataError("no gene of the sets is in the list of genes", "the same identifiers in both files")
        names = [name for name, some in zip(sets, kept, strict=True) if some]
        arrays = {"member": member[kept].astype(np.uint8)}
        more, types = self.columns(own, names)
        return Fit(genes, arrays | more, {"sets": names}, cell_types=tuple(types))

    def columns(self, own: signatures.Published, sets: list[str]) -> tuple[dict[str, np.ndarray], list[str]]:
        """Return further arrays, and the names of the columns that become of the sets."""
        return {}, sets

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Score every sample over the genes that are present; a set without any present gene gets 0."""
        member = model.arrays["member"][:, present].astype(bool)
        recipe = self.recipe_of(model)
        known = member.any(1)
        scores = np.zeros((len(expression), len(member)))
        for i, sample in enumerate(expression[:, present].astype(np.float64)):
            if sample.any():
                scores[i, known] = self.score(sample, member[known], recipe)
        return self.cohort(model, scores, recipe)

    def decisive(self, model: Model) -> np.ndarray:
        """Return the genes of the sets."""
        return model.arrays["member"].any(0)

    def unseen(self, model: Model, present: np.ndarray) -> list[str]:
        """Return the sets of which the bulk has no gene."""
        seen = model.arrays["member"][:, present].any(1)
        names = model.facts["training"].get("sets", [])
        return [name for name, some in zip(names, seen, strict=False) if not some]

    def attribute(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> Attributions:
        """Refuse: the genes of a score are those of its set."""
        raise NotApplicable(
            f"{self.name} gives scores of gene sets, which are explained by the sets' own genes",
            "a method that estimates fractions",
            "explain another model",
        )

    def score(self, sample: np.ndarray, member: np.ndarray, recipe: Any) -> np.ndarray:
        """Return the scores of one sample.

        Parameters
        ----------
        sample
            Genes, linear, not all zero.
        member
            Sets x genes, bool; every set has a gene.
        recipe
            Of the method's own type.
        """
        raise NotImplementedError

    def cohort(self, model: Model, scores: np.ndarray, recipe: Any) -> np.ndarray:
        """Return the columns of the output from the scores of the sets (samples x sets)."""
        return scores


def ssgsea(sample: np.ndarray, member: np.ndarray, power: float = 0.25) -> np.ndarray:
    """Return the enrichment of each set in one sample (Barbie 2009), as ESTIMATE and xCell use it.

    The sum over the ranked genes of the running difference between a set's genes, weighted by rank^power, and the
    others, is the weighted mean rank of the set's genes less the mean rank of the others. Genes that are equal share
    their mean rank, where the original lets their order in the file decide.

    Parameters
    ----------
    sample
        Genes.
    member
        Sets x genes, bool.
    power
        Of the ranks that weigh a set's genes.
    """
    from scipy.stats import rankdata

    ranks = rankdata(sample)
    weights = ranks**power
    inside = member @ (ranks * weights) / (member @ weights)
    others = np.maximum(len(ranks) - member.sum(1), 1)
    return inside - (ranks.sum() - member @ ranks) / others
