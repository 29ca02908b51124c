"""xCell: enrichment of many gene sets per type, made linear and corrected for spillover (Aran et al. 2017).

`--gene-sets` takes the 489 sets (`TYPE%SOURCE%n`), the list of ranked genes, the curves and the spillover. A step
without its table is skipped; without sets, markers of the reference are scored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.scores import Recipe as Base
from unmix.classical.scores import ScoreMethod, ssgsea
from unmix.classical.solvers import nonnegative
from unmix.contract.layout import damaged
from unmix.errors import NotApplicable
from unmix.methods import register
from unmix.settings import Count, Positive, Share

if TYPE_CHECKING:
    from unmix.contract.model import Model
    from unmix.io.signatures import Published

#: Code: sums of types and what they are divided by.
SUMS = {
    "ImmuneScore": (
        1.5,
        ("B-cells", "CD4+ T-cells", "CD8+ T-cells", "DC", "Eosinophils", "Macrophages", "Monocytes", "Mast cells",
         "Neutrophils", "NK cells"),
    ),
    "StromaScore": (2.0, ("Adipocytes", "Endothelial cells", "Fibroblasts")),
}  # fmt: skip


class Recipe(Base):
    """Recipe of xCell."""

    markers: Count = 30
    """Genes of each type taken from the reference, where no file of gene sets is given."""
    scale: Positive = 5000.0
    """Code: raw scores are divided by it before the curve."""
    spillover: Share = 0.5
    """Code: share of the spillover that is taken away."""


@register
class XCell(ScoreMethod):
    """Mean enrichment of a type's sets above the cohort's least, through its curve, less what other types spill."""

    name = "xcell"
    layout = {"type_of": "int: sets", "curves?": "own 3", "spillover?": "own own", "sums?": "sums own"}
    transductive = True
    recipes = {"default": Recipe()}

    def columns(self, own: Published, sets: list[str]) -> tuple[dict[str, np.ndarray], list[str]]:
        """Return which set belongs to which type, the curves, the spillover and the sums of types."""
        types = list(dict.fromkeys(name.split("%")[0] for name in sets))
        for table in (own.curves, own.spillover):
            types = types if table is None else [name for name in table.index if name in types]
        more = {"type_of": np.array([types.index(t) if (t := s.split("%")[0]) in types else -1 for s in sets])}
        if own.curves is not None:
            more["curves"] = own.curves.loc[types].to_numpy()
        if own.spillover is not None:
            more["spillover"] = own.spillover.loc[types, types].to_numpy()
        if not all(name in types for _, names in SUMS.values() for name in names):
            return more, types
        sums = np.stack([np.isin(types, names) / divisor for divisor, names in SUMS.values()])
        return more | {"sums": np.vstack([sums, sums.sum(0)])}, [*types, *SUMS, "MicroenvironmentScore"]

    def check(self, model: Model) -> None:
        """Verify that every set has a type, beside what every model is verified for."""
        super().check(model)
        own = np.unique(model.arrays["type_of"])
        sums = len(model.arrays.get("sums", ()))
        if not np.array_equal(own, range(len(own))) or len(own) + sums != len(model.cell_types):
            raise damaged(model, "its sets and its types do not match")

    def score(self, sample: np.ndarray, member: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the enrichment of each set."""
        return ssgsea(sample, member)

    def cohort(self, model: Model, scores: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Compare the samples, average the sets of a type, transform, compensate."""
        if len(scores) < 2:
            raise NotApplicable(
                "xcell was given 1 bulk sample",
                "two or more samples that differ, because every score is relative to the lowest sample",
                "add samples of the same cohort, or take a score of single samples (mcpcounter)",
            )
        learned = model.arrays
        scores, type_of = scores - scores.min(0), learned["type_of"]
        types = np.stack([scores[:, type_of == k].mean(1) for k in range(type_of.max() + 1)], axis=1)
        types = (types - types.min(0)) / recipe.scale
        if "curves" in learned:
            _, exponent, divisor = learned["curves"].T
            types = types**exponent / (2 * divisor)
        if "spillover" in learned:
            spill = recipe.spillover * learned["spillover"]
            np.fill_diagonal(spill, 1)
            types = np.stack([nonnegative(spill, sample) for sample in types])
        return np.hstack([types, types @ learned["sums"].T]) if "sums" in learned else types
