"""What a reference can tell apart: measured on pseudobulk of held-out cells, through non-negative least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix import methods
from unmix.contract.method import Task, silent
from unmix.engine import put_together
from unmix.errors import DataError
from unmix.io.fractions import normalised
from unmix.reference import Reference
from unmix.uncertainty import domain_shift, holdout

if TYPE_CHECKING:
    import anndata as ad

    from unmix.contract.model import Model

#: The method, and the cells of a type that it learns from and is measured on at most, so that an atlas takes seconds.
METHOD, MOST_CELLS = "nnls", 500
#: Cells of a pseudobulk sample, samples of one type alone, and samples with each of these shares of a type.
CELLS, PURE, MIXED = 500, 30, 40
SHARES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
#: Of samples without a type, those below the limit of blank; of samples with it, those above it where it is detected.
SURE = 0.95
#: Share of a type that is estimated as another from which a merge is proposed.
SPILL = 0.2


@dataclass(frozen=True)
class Quality:
    """What was measured of a reference.

    Attributes
    ----------
    cells
        Cells by type (rows) and donor.
    types
        By type: ``counts`` and ``genes`` (medians of a cell), ``recovered`` (share of pure samples that is estimated as
        the type), ``limit`` (smallest share that is detected; NaN: none of :data:`SHARES`).
    spill
        Types x types: mean estimate (columns) of samples of one type alone (rows).
    cosine
        Types x types, of the profiles over the genes of the method, each gene divided by its mean.
    condition
        Condition number of these profiles at equal length.
    merges
        Type, the type that it is most often estimated as, and the share of it; from :data:`SPILL` on, largest first.
    genes, used
        Number of genes of the reference, and of those that the method chose.
    by_donor
        Whether the samples are of donors that the method did not see (else of other cells).
    """

    cells: pd.DataFrame
    types: pd.DataFrame
    spill: pd.DataFrame
    cosine: pd.DataFrame
    condition: float
    merges: list[tuple[str, str, float]]
    genes: int
    used: int
    by_donor: bool

    def table(self) -> pd.DataFrame:
        """Return one row per type with everything that is known of it."""
        table = self.types.assign(merge_with=[self.partner(name) for name in self.types.index])
        table.insert(0, "cells", self.cells.sum(1))
        return table.join(self.spill.add_prefix("estimated as ")).join(self.cells.add_prefix("cells of "))

    def partner(self, name: str) -> str:
        """Return the type with which a merge of this one is proposed; empty if none."""
        return next((other for one, other, _ in self.merges if one == name), "")


def measure(reference: ad.AnnData, seed: int = 0) -> Quality:
    """Measure a prepared reference.

    Parameters
    ----------
    reference
        Cells x genes, two or more types.
    seed
        Of every draw.

    Raises
    ------
    DataError
        If there is a single cell type.

    Notes
    -----
    Platforms differ from that of the cells: every gene of every pseudobulk sample is multiplied by a factor of its own,
    as for the calibration of intervals (:data:`unmix.uncertainty.domain_shift.CALIBRATED`).
    """
    rng = np.random.default_rng(seed)
    whole = Reference.from_anndata(reference)
    if len(whole.cell_types) < 2:
        raise DataError(
            f"the reference has one cell type ({whole.cell_types[0]}), so that there is nothing to tell apart",
            "two or more cell types",
            "leave out --report, or give a reference with all cell types that the bulk may hold",
        )
    cells = whole.select(_few_of_each(whole, rng))
    folds, by_donor = holdout.split(cells, rng, 1)
    learned, held = (cells.select(mask) for mask in folds[0])
    method = methods.get(METHOD)
    task = Task(
        train=learned,
        validation=cells.select(np.array([], int)),
        recipe=method.recipes["default"],
        rng=rng,
        device="cpu",
        say=silent,
        progress=silent,
    )
    model = put_together(method, task, method.fit(task), seed)
    names = whole.cell_types
    pure = np.repeat(np.eye(len(names)), PURE, axis=0)
    spill = _estimates(model, held, pure, rng).reshape(len(names), PURE, -1).mean(1)
    profiles = model.arrays["signature"] / np.maximum(model.arrays["signature"].mean(0), 1e-12)
    unit = profiles / np.maximum(np.linalg.norm(profiles, axis=1, keepdims=True), 1e-12)
    shares = pd.DataFrame(spill, names, names).rename_axis("cell_type")
    groups = [reference.obs[key].astype(str) for key in ("cell_type", "donor")]
    types = pd.DataFrame(
        {
            "counts": [np.median(whole.total_counts[whole.type_of == k]) for k in range(len(names))],
            "genes": [np.median(np.diff(whole.counts.indptr)[whole.type_of == k]) for k in range(len(names))],
            "recovered": np.diag(spill),
            "limit": [_limit(model, held, k, rng) for k in range(len(names))],
        },
        index=pd.Index(names, name="cell_type"),
    )
    return Quality(
        cells=pd.crosstab(*groups).rename_axis(index="cell_type", columns=None),
        types=types,
        spill=shares,
        cosine=pd.DataFrame(unit @ unit.T, types.index, names),
        condition=float(np.linalg.cond(unit)),
        merges=_merges(shares),
        genes=len(whole.genes),
        used=len(model.genes),
        by_donor=by_donor,
    )


def _few_of_each(cells: Reference, rng: np.random.Generator) -> np.ndarray:
    """Return indices of at most `MOST_CELLS` cells of each type."""
    members = [np.flatnonzero(cells.type_of == k) for k in range(len(cells.cell_types))]
    return np.sort(np.concatenate([rng.permutation(own)[:MOST_CELLS] for own in members]))


def _estimates(model: Model, held: Reference, fractions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the estimates of pseudobulk of held-out cells with these fractions of cells (samples x types)."""
    from scipy.sparse import csr_matrix

    numbers = np.array([rng.multinomial(CELLS, row) for row in fractions])
    members = [np.flatnonzero(held.type_of == k) for k in range(len(held.cell_types))]
    drawn = [
        np.concatenate([rng.choice(own, size) for own, size in zip(members, row, strict=True) if size])
        for row in numbers
    ]
    rows = np.repeat(np.arange(len(drawn)), [len(one) for one in drawn])
    picked = csr_matrix((np.ones(rows.size), (rows, np.concatenate(drawn))), (len(drawn), len(held.type_of)))
    places = pd.Index(held.genes).get_indexer(model.genes)
    expression = (picked @ held.counts[:, places].astype(np.float64)).toarray()
    expression *= np.exp(rng.normal(0, domain_shift.CALIBRATED, expression.shape))
    present = np.ones(len(places), bool)
    return normalised(methods.get(model.method).estimate(model, expression, present, "cpu"))


def _limit(model: Model, held: Reference, k: int, rng: np.random.Generator) -> float:
    """Return the smallest share of type `k` that is detected in mixtures of the others, as are all above it.

    Detected: `SURE` of the estimates are higher than `SURE` of those in samples without the type (limit of blank and
    limit of detection; Armbruster & Pry 2008).
    """
    others = rng.dirichlet(np.ones(len(held.cell_types) - 1), len(SHARES) * MIXED)
    shares = np.repeat(SHARES, MIXED)
    fractions = np.insert(others * (1 - shares)[:, None], k, shares, axis=1)
    found = _estimates(model, held, fractions, rng)[:, k].reshape(len(SHARES), MIXED)
    blank = np.quantile(found[0], SURE)
    detected = (found[1:] > blank).mean(1) >= SURE
    sure = [share for i, share in enumerate(SHARES[1:]) if detected[i:].all()]
    return min(sure, default=np.nan)


def _merges(spill: pd.DataFrame) -> list[tuple[str, str, float]]:
    """Return the types of which `SPILL` or more is estimated as another, with that other."""
    found = []
    for name, row in spill.iterrows():
        others = row.drop(name)
        if others.max() >= SPILL:
            found.append((str(name), str(others.idxmax()), float(others.max())))
    return sorted(found, key=lambda merge: -merge[2])
