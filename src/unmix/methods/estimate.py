"""ESTIMATE: stroma and immune infiltrate of a tumour, by enrichment of two gene sets (Yoshihara et al. 2013).

`--gene-sets` takes the two sets of 141 genes and the list of 10,412 genes among which they are ranked; without the list
all genes are ranked. Purity follows a curve that was fitted on Affymetrix arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.scores import Recipe, ScoreMethod, ssgsea
from unmix.contract.layout import damaged
from unmix.contract.method import Needs
from unmix.errors import NotApplicable
from unmix.methods import register

if TYPE_CHECKING:
    from unmix.contract.model import Model
    from unmix.io.signatures import Published

#: Paper: purity = cos(a + b x ESTIMATE score), fitted to ABSOLUTE's purities of TCGA tumours on Affymetrix arrays.
PURITY = 0.6049872018, 0.0001467884
#: Genes that the published scores were ranked among; scores of other numbers of genes are brought to that range.
RANKED = 10_412


@register
class ESTIMATE(ScoreMethod):
    """Enrichment of the stromal and the immune set, their sum, and the tumour purity derived from the sum."""

    name = "estimate"
    layout = {"order": "int: 2"}
    needs = Needs(gene_sets=True)
    needs_every_set = True
    recipes = {"default": Recipe()}

    def columns(self, own: Published, sets: list[str]) -> tuple[dict[str, np.ndarray], list[str]]:
        """Name the four columns of the output."""
        order = [next((i for i, name in enumerate(sets) if word in name.lower()), -1) for word in ("strom", "immun")]
        if min(order) < 0:
            raise NotApplicable(
                f"the gene sets of --gene-sets are {', '.join(sets)}",
                "a stromal and an immune set, named so",
                "give ESTIMATE's sets (in a samplesheet: estimate=FILE in the column gene_sets)",
            )
        types = ["StromalScore", "ImmuneScore", "ESTIMATEScore", "TumorPurity"]
        return {"order": np.array(order)}, types

    def check(self, model: Model) -> None:
        """Verify that the order names two of the sets, beside what every model is verified for."""
        super().check(model)
        if not np.isin(model.arrays["order"], range(len(model.arrays["member"]))).all() or len(model.cell_types) != 4:
            raise damaged(model, "its order names sets that it does not have")

    def score(self, sample: np.ndarray, member: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return the enrichment of each set."""
        return ssgsea(sample, member) * (RANKED / len(sample))

    def cohort(self, model: Model, scores: np.ndarray, recipe: Recipe) -> np.ndarray:
        """Return stromal and immune score, their sum, and purity."""
        stromal, immune = scores[:, model.arrays["order"]].T
        offset, slope = PURITY
        purity = np.clip(np.cos(offset + slope * (stromal + immune)), 0, 1)
        return np.stack([stromal, immune, stromal + immune, purity], axis=1)
