"""Domain shift: distance of a sample's expression from any mixture of the reference's cell types.

The distance of a sample is the standard deviation, over expressed genes, of the logarithm of its expression over that
of the best non-negative mixture of the types. It depends on that sample and on the model alone. A sample is flagged
when it is further away than 99 % of held-out pseudobulk whose every gene a platform has multiplied by exp(N(0, 1)).

A single cell type that is missing from the reference is hard to detect, because real platforms differ from a reference
by more than a fifth of unknown cells does. The detectable share is measured on each reference, by removing its types in
turn from the signature, and is given in the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.blocks import in_blocks, one_thread
from unmix.io.units import per_million
from unmix.simulate.pseudobulk import Simulator
from unmix.simulate.recipe import Simulation
from unmix.uncertainty import single_donors

if TYPE_CHECKING:
    import anndata as ad

    from unmix.contract.model import Model
    from unmix.reference import Reference

#: Counts per million added before logarithms; genes below it on both sides are not expressed.
OFFSET = 10.0
#: Platform noise of the held-out pseudobulk that set the threshold, and of those for the intervals.
FAR, CALIBRATED = 1.0, 0.5
NUMBER, QUANTILE = 100, 0.99
#: What another laboratory adds to the errors (standard deviation, in units of `uncertainty`'s scale), in full for
#: samples so much further than the typical distance. The least with which the default panel and each of its methods
#: hold 90 % of the truth in the mean over eight sets of real samples (benchmarks/default_answer.py terms).
BETWEEN_LABORATORY, CERTAIN = 0.22, 0.2
#: Shares of cells of a type that the reference lacks at which the flag is tried, on so many pseudobulk of so many
# types.
UNKNOWN, TRIED_SAMPLES, TRIED_TYPES = (0.2, 0.4, 0.6, 0.8), 8, 6
#: Share of samples in which the flag must be raised to say that it detects.
DETECTED = 0.8


def distance(expression: np.ndarray, signature: np.ndarray, genes: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Return the distance of each sample from the pseudobulk of the types (natural log).

    Parameters
    ----------
    expression
        Samples x genes, linear, any scale.
    signature
        Types x genes, linear.
    genes
        Indices of these genes in the samples; by default they have the same genes.
    """
    from scipy.optimize import nnls

    signature = signature.astype(np.float64)
    weight = 1 / np.sqrt(signature.mean(0) + OFFSET)
    q, r = np.linalg.qr((signature * weight).T)  # as many equations as there are types

    def of_block(block: np.ndarray) -> np.ndarray:
        # in place, because new memory for a block of all genes takes as long as what is computed in it
        scaled = per_million(block[:, genes].astype(np.float64))
        mixture = per_million(np.stack([nnls(r, goal)[0] for goal in (scaled * weight) @ q]) @ signature)
        expressed = (scaled > OFFSET) | (mixture > OFFSET)
        scaled += OFFSET
        mixture += OFFSET
        scaled /= mixture
        logs = np.log(scaled, out=scaled)
        number = np.maximum(expressed.sum(1, keepdims=True), 1)
        logs -= np.where(expressed, logs, 0).sum(1, keepdims=True) / number
        found = np.sqrt(np.where(expressed, np.square(logs, out=logs), 0).sum(1) / number[:, 0])
        return np.where(expressed.any(1), found, np.inf)

    with one_thread():
        return in_blocks(of_block, expression)


def fit(cells: Reference, held_out: Reference, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the arrays that a model needs: the signature over all genes, the threshold and the typical distance."""
    signature = 1e6 * cells.profiles()
    distances = {}
    for platform in (FAR, CALIBRATED):
        recipe = Simulation(sparse=0.5, cells=500, platform=platform)
        distances[platform] = distance(single_donors.draw(held_out, recipe, NUMBER, rng).expression, signature)
    threshold = np.quantile(distances[FAR], [QUANTILE])
    return {
        "reference.profiles": signature.astype(np.float32),
        "domain_shift.threshold": threshold,
        "domain_shift.typical": np.median(distances[CALIBRATED], keepdims=True),
        "domain_shift.detected": detected(cells, held_out, signature, threshold[0], rng),
    }


def detected(
    cells: Reference, held_out: Reference, signature: np.ndarray, threshold: float, rng: np.random.Generator
) -> np.ndarray:
    """Return, for every share of `UNKNOWN`, the share of pseudobulk flagged when that much is of a missing type.

    Measured on the user's own reference: types are removed from the signature in turn, their held-out cells are added
    to the pseudobulk, and a platform (FAR) multiplies every gene.
    """
    names, group = np.unique(cells.type_of_state or cells.cell_types, return_inverse=True)
    present = np.bincount(group[held_out.type_of], minlength=len(names))
    left_out = rng.permutation(np.flatnonzero(present))[:TRIED_TYPES]
    flagged = np.zeros((len(UNKNOWN), len(left_out)))
    for column, k in enumerate(left_out):
        states = np.flatnonzero(group == k)
        hidden = tuple(cells.cell_types[state] for state in states)
        pseudobulk = []
        for share in UNKNOWN:
            recipe = Simulation(cells=500, platform=FAR, unknown=share, hidden=hidden)
            pseudobulk.append(Simulator(held_out, recipe, rng).draw(TRIED_SAMPLES, rng).expression)
        # all shares at once: they fit into one block
        distances = distance(np.concatenate(pseudobulk), np.delete(signature, states, axis=0))
        flagged[:, column] = (distances > threshold).reshape(len(UNKNOWN), -1).mean(1)
    return flagged.mean(1)


def detection_limit(model: Model) -> float | None:
    """Return the least share of an unknown type that is flagged in most samples (`DETECTED`); None if none is."""
    found = model.arrays.get("domain_shift.detected", np.zeros(len(UNKNOWN))) >= DETECTED
    sure = [share for share, _ in zip(UNKNOWN, found, strict=True) if found[UNKNOWN.index(share) :].all()]
    return min(sure, default=None)


def distances(model: Model, bulk: ad.AnnData) -> np.ndarray:
    """Return the distance of each sample of a bulk, over the genes of the reference that it has."""
    genes = np.array(model.facts["reference_genes"])
    places = bulk.var_names.get_indexer(genes)
    found = places >= 0
    return distance(np.asarray(bulk.X), model.profiles(genes[found]), places[found])


def unlike_reference(model: Model, values: np.ndarray) -> np.ndarray:
    """Return which of the samples with these distances are further away than the threshold."""
    return values > model.arrays["domain_shift.threshold"][0]


def distance_ratio(model: Model, values: np.ndarray) -> np.ndarray:
    """Return by how much the intervals of samples with these distances grow: 1 or more.

    Intervals come from errors in pseudobulk at the typical distance. A sample twice as far from the reference gets
    intervals twice as wide (our choice: real platforms differ more than simulated ones, and without known fractions
    the distance is the only evidence of how much).
    """
    return ratio(times_typical(model, values))


def between_laboratory_error(model: Model, values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the scaled errors that samples of these distances have from another laboratory.

    The level of a type is off by what its cells or their markers yield there, whatever the distance. Samples as near
    as pseudobulk of the reference's own donors have none of it, nor have methods whose intervals were set on real
    samples.
    """
    if model.facts["intervals"]["held_out"] == "calibration samples":
        return np.zeros(len(values))
    return between_laboratory(times_typical(model, values))


def ratio(times: np.ndarray) -> np.ndarray:
    """Return :func:`distance_ratio` of distances in units of the typical one."""
    return np.maximum(1.0, times)


def between_laboratory(times: np.ndarray) -> np.ndarray:
    """Return :func:`between_laboratory_error` of distances in units of the typical one."""
    return BETWEEN_LABORATORY * np.clip((times - 1) / CERTAIN, 0, 1)


def times_typical(model: Model, values: np.ndarray) -> np.ndarray:
    """Return distances in units of that of the pseudobulk for the intervals; infinite ones are large."""
    return np.minimum(values, 1e6) / max(model.arrays["domain_shift.typical"][0], 1e-6)
