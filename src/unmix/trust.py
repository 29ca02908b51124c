"""Can this sample be trusted? How far its expression lies from any mix of the reference's cell types.

The distance of a sample is the standard deviation, over expressed genes, of the logarithm of its expression over that
of the best non-negative mix of the types. It depends on that sample and on the model alone. A sample is flagged when it
is further away than 99 % of held-out mixes whose every gene a platform has multiplied by exp(N(0, 1)).

What it can tell, measured: PBMC bulk against PBMC references passes (0.74 and 0.88 of thresholds 0.87 and 0.96), bulk
of islets or cell lines is flagged (0.98 to 1.24). It cannot tell a single type that is missing from the reference: real
platforms differ from a reference by more than a fifth of unknown cells does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.recipe import Simulation
from unmix.simulate import Cells, Mixer

if TYPE_CHECKING:
    import anndata as ad

    from unmix.model import Model

#: Counts per million added before logarithms; genes below it on both sides are not expressed.
OFFSET = 10.0
#: Held-out mixes that set the threshold.
MIXES = Simulation(sparse=0.5, cells=500, platform=1.0)
NUMBER, QUANTILE = 200, 0.99


def distance(expression: np.ndarray, signature: np.ndarray) -> np.ndarray:
    """Return the distance of each sample from the mixes of the types (natural log).

    Parameters
    ----------
    expression
        Samples x genes, linear, any scale.
    signature
        Types x genes, linear, over the same genes.
    """
    from scipy.optimize import nnls

    weight = 1 / np.sqrt(signature.mean(0) + OFFSET)
    distances = np.zeros(len(expression))
    for i, sample in enumerate(expression):
        scaled = _per_million(sample)
        mix = _per_million(nnls((signature * weight).T, scaled * weight)[0] @ signature)
        expressed = (scaled > OFFSET) | (mix > OFFSET)
        distances[i] = np.log((scaled + OFFSET) / (mix + OFFSET))[expressed].std() if expressed.any() else np.inf
    return distances


def fit(cells: Cells, held_out: Cells, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the arrays that a model needs: the signature over all genes, and the threshold."""
    signature = cells.signature()
    mixes = Mixer(held_out, MIXES, rng).draw(NUMBER, rng)
    threshold = np.quantile(distance(mixes.expression, signature), QUANTILE)
    return {"trust.signature": signature.astype(np.float32), "trust.threshold": np.array([threshold])}


def unlike_reference(model: Model, bulk: ad.AnnData) -> np.ndarray:
    """Return which samples of a bulk are further from the reference than the threshold."""
    places = bulk.var_names.get_indexer(model.facts["trust_genes"])
    found = places >= 0
    signature = model.arrays["trust.signature"][:, found].astype(np.float64)
    return distance(np.asarray(bulk.X)[:, places[found]], signature) > model.arrays["trust.threshold"][0]


def _per_million(values: np.ndarray) -> np.ndarray:
    return values * (1e6 / max(values.sum(), 1e-12))
