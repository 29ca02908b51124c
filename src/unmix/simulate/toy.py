"""Toy data for tests and documentation: a reference with donor effects, and bulk samples of other donors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import anndata as ad

#: Names that try a reader: spaces, slashes, plus signs, unicode.
CELL_TYPES = ("B cell", "CD4+ T", "CD8+ T", "Monocyte/Macrophage", "NK", "γδ T")


def toy(
    seed: int = 0,
    *,
    genes: int = 600,
    donors: int = 4,
    cells_per_type: int = 15,
    samples: int = 24,
    cell_types: tuple[str, ...] = CELL_TYPES,
) -> tuple[ad.AnnData, ad.AnnData]:
    """Return a prepared reference and a bulk with known fractions.

    Parameters
    ----------
    seed
        Of every draw.
    genes, donors, cells_per_type
        Size of the reference (`cells_per_type` for each donor).
    samples
        Bulk samples, simulated from two further donors.
    cell_types
        Names of the types.

    Returns
    -------
    reference
        Cells x genes, counts (CSR float32), as docs/data_contracts.md describes.
    bulk
        Samples x genes, counts; truth in ``obsm["cell_fractions"]`` and ``obsm["mrna_fractions"]``.

    Examples
    --------
    >>> import unmix
    >>> reference, bulk = unmix.toy()
    >>> reference.n_obs, bulk.n_obs, reference.obs["cell_type"].nunique()
    (360, 24, 6)
    """
    import anndata as ad
    import pandas as pd
    from scipy.sparse import csr_matrix

    from unmix.simulate.pseudobulk import pseudobulk
    from unmix.simulate.recipe import Simulation

    rng = np.random.default_rng(seed)
    types = len(cell_types)
    log_mean = np.tile(rng.normal(0, 1.5, genes), (types, 1)) + rng.normal(0, 0.2, (types, genes))
    for k in range(types):
        log_mean[k, rng.choice(genes, genes // 12, replace=False)] += rng.normal(2.5, 0.5, genes // 12)
    rna = rng.uniform(0.7, 1.8, types)

    def cells(donor: str) -> ad.AnnData:
        profile = np.exp(log_mean + rng.normal(0, 0.15, genes) + rng.normal(0, 0.1, log_mean.shape))
        profile /= profile.sum(1, keepdims=True)
        type_of = np.repeat(np.arange(types), cells_per_type)
        totals = 2000 * rna[type_of] * rng.lognormal(0, 0.3, len(type_of))
        counts = rng.poisson(profile[type_of] * totals[:, None] * rng.gamma(2.0, 0.5, (len(type_of), genes)))
        obs = pd.DataFrame({"cell_type": np.array(cell_types)[type_of], "donor": donor})
        obs.index = [f"{donor}-{i}" for i in range(len(obs))]
        return ad.AnnData(csr_matrix(counts, dtype=np.float32), obs, pd.DataFrame(index=names))

    names = [f"GENE{i:04d}" for i in range(genes)]
    reference = ad.concat([cells(f"donor{i + 1}") for i in range(donors)])
    reference.uns["unmix"] = {"kind": "reference", "counts": "raw", "messages": []}
    unseen = ad.concat([cells("unseen1"), cells("unseen2")])
    recipe = Simulation(cells=300, donors="same", platform=0.2, library=2e6)
    return reference, pseudobulk(unseen, recipe, samples, seed + 1)


def as_profiles(reference: ad.AnnData, *, replicates: bool = True) -> ad.AnnData:
    """Return a prepared reference of profiles, per million: one of every type and donor, or of every type."""
    import anndata as ad
    import pandas as pd
    from scipy.sparse import csr_matrix

    obs = reference.obs[["cell_type", "donor"]].astype(str)
    if not replicates:
        obs = obs.assign(donor="all")
    groups = obs.groupby(["cell_type", "donor"], sort=True).indices
    sums = np.vstack([np.asarray(reference.X[rows].sum(0), dtype=np.float64) for rows in groups.values()])
    names = pd.DataFrame(groups.keys(), columns=["cell_type", "donor"]).astype(str)
    names.index = names["cell_type"] + ", " + names["donor"]
    found = ad.AnnData(
        csr_matrix(1e6 * sums / sums.sum(1, keepdims=True), dtype=np.float32), names, reference.var.copy()
    )
    found.uns["unmix"] = {"kind": "profiles", "counts": "normalised", "messages": []}
    return found
