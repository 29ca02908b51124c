"""Marker genes of the cell types, from their profiles."""

from __future__ import annotations

import itertools

import numpy as np

#: Added to a signature in counts per million before ratios of types are taken, so that low counts do not count.
MARKER_OFFSET = 20.0


def markers(signature: np.ndarray, per_type: int) -> np.ndarray:
    """Return the indices of up to `per_type` genes per cell type that are highest in it.

    Genes must be twice the next highest type (after an offset of 20 per million); where fewer than five are,
    the best five are taken. Two criteria alternate, against the next highest type and against the mean of the
    others (our choice, measured on real bulk), until a type has `per_type`.

    Parameters
    ----------
    signature
        Types x genes, per million.
    """
    logs = np.log2(signature + MARKER_OFFSET)
    chosen: set[int] = set()
    for k in range(len(logs)):
        others = np.delete(logs, k, axis=0)
        if len(others) == 0:
            return np.flatnonzero(signature[0] > 0)
        next_highest, mean = logs[k] - others.max(0), logs[k] - others.mean(0)
        ranked = []
        for criterion in (next_highest, mean):
            order = np.argsort(-criterion, kind="stable")[:per_type]
            ranked.append(order[: max(5, int((criterion[order] > 1).sum()))].tolist())
        alternating = itertools.chain.from_iterable(itertools.zip_longest(*ranked))
        own = dict.fromkeys(gene for gene in alternating if gene is not None)
        chosen.update(list(own)[:per_type])
    return np.array(sorted(chosen))


def find_markers(profiles: np.ndarray, number: int) -> np.ndarray:
    """Return the marker genes of each type (types x genes): highest ratio to the mean of the other types.

    Parameters
    ----------
    profiles
        Types x genes, linear.
    number
        Of markers per type; 0 takes a tenth of the genes that are highest in the type.
    """
    types = len(profiles)
    ratio = profiles / np.maximum((profiles.sum(0) - profiles) / (types - 1), 1e-300)
    highest = ratio.argmax(0)
    chosen = np.zeros(profiles.shape, bool)
    for k in range(types):
        own = np.flatnonzero((highest == k) & (profiles[k] > 0))
        wanted = number or int(np.ceil(len(own) / 10))
        chosen[k, own[np.argsort(-ratio[k, own], kind="stable")[:wanted]]] = True
    return chosen
