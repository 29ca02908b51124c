"""How far a sample's expression lies from any mix of the reference's cell types; what that says of trust.

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
#: Platform noise of the held-out mixes that set the threshold, and of those by which intervals are calibrated.
FAR, CALIBRATED = 1.0, 0.5
NUMBER, QUANTILE = 100, 0.99


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
    """Return the arrays that a model needs: the signature over all genes, the threshold and the typical distance."""
    signature = cells.signature()
    distances = {}
    for platform in (FAR, CALIBRATED):
        recipe = Simulation(sparse=0.5, cells=500, platform=platform)
        distances[platform] = distance(Mixer(held_out, recipe, rng).draw(NUMBER, rng).expression, signature)
    return {
        "trust.signature": signature.astype(np.float32),
        "trust.threshold": np.quantile(distances[FAR], [QUANTILE]),
        "trust.typical": np.median(distances[CALIBRATED], keepdims=True),
    }


def distances(model: Model, bulk: ad.AnnData) -> np.ndarray:
    """Return the distance of each sample of a bulk, over the genes of the reference that it has."""
    places = bulk.var_names.get_indexer(model.facts["trust_genes"])
    found = places >= 0
    signature = model.arrays["trust.signature"][:, found].astype(np.float64)
    return distance(np.asarray(bulk.X)[:, places[found]], signature)


def unlike_reference(model: Model, values: np.ndarray) -> np.ndarray:
    """Return which of the samples with these distances are further away than the threshold."""
    return values > model.arrays["trust.threshold"][0]


def widening(model: Model, values: np.ndarray) -> np.ndarray:
    """Return by how much the intervals of samples with these distances grow: 1 or more.

    Intervals are calibrated on mixes of the typical distance. A sample twice as far from the reference gets
    intervals twice as wide (our choice: real platforms differ more than simulated ones, and nothing but the
    distance tells by how much without a truth).
    """
    return np.maximum(1.0, np.minimum(values, 1e6) / max(model.arrays["trust.typical"][0], 1e-6))


def _per_million(values: np.ndarray) -> np.ndarray:
    return values * (1e6 / max(values.sum(), 1e-12))
