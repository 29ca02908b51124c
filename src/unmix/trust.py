"""Can this sample be trusted? What of a sample's expression the reference cannot reconstruct.

The score of a sample is the share of its expression (per million) that lies more than `FOLD`-fold above the best
non-negative mix of the reference's types. It depends on that sample and on the model alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.recipe import Simulation
from unmix.simulate import Cells, Mixer

if TYPE_CHECKING:
    import anndata as ad

    from unmix.model import Model

#: Fold above the reconstruction from which expression counts as unexplained, and the offset (per million) before.
FOLD, OFFSET = 8.0, 10.0
#: Held-out mixes that set the threshold; a bulk platform changes genes about as much as `platform` says.
MIXES = Simulation(sparse=0.5, cells=500, platform=1.0)
NUMBER, QUANTILE = 200, 0.99


def unexplained(expression: np.ndarray, signature: np.ndarray) -> np.ndarray:
    """Return the unexplained share of each sample, between 0 and 1.

    Parameters
    ----------
    expression
        Samples x genes, linear, any scale.
    signature
        Types x genes, linear.
    """
    from scipy.optimize import nnls

    shares = np.zeros(len(expression))
    weight = 1 / np.sqrt(signature.mean(0) + OFFSET)
    for i, sample in enumerate(expression):
        scaled = sample * (1e6 / max(sample.sum(), 1e-12))
        fitted = nnls((signature * weight).T, scaled * weight)[0] @ signature
        shares[i] = np.clip(scaled - FOLD * (fitted + OFFSET), 0, None).sum() / 1e6
    return shares


def fit(cells: Cells, held_out: Cells, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the arrays of the trust score: the signature and the threshold of held-out mixes."""
    signature = cells.signature()
    mixes = Mixer(held_out, MIXES, rng).draw(NUMBER, rng)
    threshold = np.quantile(unexplained(mixes.expression, signature), QUANTILE)
    return {"trust.signature": signature.astype(np.float32), "trust.threshold": np.array([threshold])}


def unlike_reference(model: Model, bulk: ad.AnnData) -> np.ndarray:
    """Return which samples of a bulk the reference cannot reconstruct."""
    genes = np.array(model.facts["trust_genes"])
    places = bulk.var_names.get_indexer(genes)
    expression = np.asarray(bulk.X)[:, places[places >= 0]]
    shares = unexplained(expression, model.arrays["trust.signature"][:, places >= 0].astype(np.float64))
    return shares > model.arrays["trust.threshold"][0]
