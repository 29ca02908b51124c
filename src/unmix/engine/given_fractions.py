"""Expression of every cell type from given fractions, by any method: shrunken to the reference, and marked where it is.

The model of a gene is y = Σ f x + e: y the bulk (per million), f the fractions of mRNA, x the expression in each type.
The prior of x is the reference, scaled by gene to the level of the cohort; that of a sample is its group's profile.
What the data add to the prior is `informed`: 1 less the ratio of the variances after and before. The model is a choice
of unmix, with the aim of BayesPrism and CIBERSORTx and none of their code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.alignment import aligned
from unmix.contract.blocks import SIZE
from unmix.errors import DataError, UsageError
from unmix.io.layers import Layered
from unmix.io.units import per_million

if TYPE_CHECKING:
    from collections.abc import Iterator

    import anndata as ad
    import pandas as pd

    from unmix.contract.model import Model

#: Standard deviation of a profile before the data, relative to it; added to profiles (per million).
PRIOR, OFFSET = 0.5, 1.0
#: Lowest standard deviation of the noise, relative to the expected value; largest factor between cohort and reference.
NOISE, FACTOR = 0.1, 20.0
#: Below this share of information a profile is the reference's rather than a measurement.
MEASURED = 0.5


@dataclass(frozen=True)
class Expressed:
    """Bulk, fractions and profiles over the genes that bulk and reference share.

    Attributes
    ----------
    bulk
        Samples x genes, per million over these genes, scaled so that the median gene is as expected.
    fractions
        Samples x types, of mRNA.
    reference
        Types x genes, per million, scaled by gene to the level of the cohort.
    noise
        Samples x genes: standard deviation of the bulk around its expected value.
    """

    bulk: np.ndarray
    fractions: np.ndarray
    reference: np.ndarray
    noise: np.ndarray
    samples: list[str]
    genes: list[str]
    cell_types: list[str]

    def of(self, samples: list[str]) -> Expressed:
        """Return the same of some samples."""
        places = [self.samples.index(name) for name in samples]
        rows = {name: getattr(self, name)[places] for name in ("bulk", "fractions", "noise")}
        return replace(self, samples=samples, **rows)

    def group(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return profiles (types x genes, per million) of a group of samples (mask), and what informs them (0 to 1)."""
        f, y, precision = self.fractions[chosen], self.bulk[chosen], self.noise[chosen] ** -2
        spread = (PRIOR * (self.reference + OFFSET)).T  # genes x types
        types = f.shape[1]
        products = (f[:, :, None] * f[:, None, :]).reshape(len(f), -1)
        gram = (precision.T @ products).reshape(-1, types, types)
        # in units of the prior's standard deviation, whose precision is then 1
        gram = gram * spread[:, :, None] * spread[:, None, :] + np.eye(types)
        residual = ((y - f @ self.reference) * precision).T @ f * spread
        moved = np.linalg.solve(gram, residual[:, :, None])[:, :, 0] * spread
        informed = 1 - np.diagonal(np.linalg.inv(gram), axis1=1, axis2=2)
        return np.clip(self.reference + moved.T, 0, None), np.clip(informed.T, 0, 1)

    def each(self, profiles: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return profiles (samples x types x genes) of samples of a group (places), and what each adds to it."""
        f, y, variance = self.fractions[chosen], self.bulk[chosen], self.noise[chosen] ** 2
        prior = (PRIOR * (profiles + OFFSET)) ** 2  # types x genes
        total = (f**2) @ prior + variance
        gain = f[:, :, None] * prior[None] / total[:, None, :]
        moved = gain * (y - f @ profiles)[:, None, :]
        return np.clip(profiles + moved, 0, None), gain * f[:, :, None]


def prepare(bulk: ad.AnnData, fractions: pd.DataFrame, quantity: str, model: Model) -> Expressed:
    """Bring bulk, given fractions and the profiles of a model's reference together.

    Parameters
    ----------
    bulk
        Samples x genes, linear.
    fractions, quantity
        Samples x cell types, and what they are (:func:`unmix.io.fractions.read_fractions`).
    model
        Of any method; its reference gives the profiles.

    Raises
    ------
    UsageError
        The fractions are not of mRNA: expression adds up by mRNA, not by cells.
    DataError
        Samples or cell types of one side are not those of the other, or there are hardly any common genes.
    """
    if quantity != "mrna":
        raise UsageError(
            f"the table holds {quantity} fractions" if quantity == "cell" else f"the table holds a {quantity}",
            "fractions of mRNA, by which expression adds up; the first column is named 'sample (mRNA fraction)'",
            "give fractions_mrna.tsv, which stands beside fractions.tsv",
        )
    types = list(model.cell_types) if not model.states else list(model.reported)
    if model.states or set(map(str, fractions.columns)) != set(types):
        lost = sorted(set(types) ^ set(map(str, fractions.columns))) or types
        raise DataError(
            f"the cell types of the fractions are not those of the model: {', '.join(lost[:5])}",
            f"the columns {', '.join(types[:8])}",
            "give a model of the same reference (without cell states)",
        )
    names = [name for name in bulk.obs_names.astype(str) if name in set(fractions.index.astype(str))]
    if not names:
        raise DataError(
            f"no sample of the bulk has fractions (bulk: {bulk.obs_names[0]}, fractions: {fractions.index[0]})",
            "the same names of samples in both",
            "correct the names",
        )
    genes = np.array(model.facts["reference_genes"], dtype=str)
    values = aligned(bulk[names], genes)
    profiles = model.profiles(genes)
    used = ~np.isnan(values).any(0) & (profiles.max(0) > 0)
    if used.sum() < 50:
        raise DataError(f"bulk and reference share {used.sum()} genes", "50 or more", "check the names of the genes")
    y, r = per_million(values[:, used]), per_million(profiles[:, used])
    f = fractions.set_axis(fractions.index.astype(str)).loc[names, types].to_numpy(float)
    if np.isnan(f).any() or (f < -1e-6).any() or (np.abs(f.sum(1) - 1) > 0.02).any():
        raise DataError(
            "the fractions of a sample are missing, negative or do not sum to 1", "fractions", "correct them"
        )
    factor = (y.sum(0) + OFFSET * len(y)) / ((f @ r).sum(0) + OFFSET * len(y))
    r = r * np.clip(factor, 1 / FACTOR, FACTOR)
    expected = f @ r + OFFSET
    # genes that rise take reads from all others: samples are scaled by the median of their genes instead
    y = y / np.median((y + OFFSET) / expected, axis=1, keepdims=True)
    relative = (y + OFFSET - expected) / expected
    scatter = 1.4826 * np.median(np.abs(relative - np.median(relative, axis=0)), axis=0)
    noise = np.maximum(scatter, NOISE) * expected
    return Expressed(y, f, r, noise, names, list(genes[used]), types)


def by_sample_and_group(found: Expressed, groups: pd.Series) -> tuple[Layered, pd.DataFrame]:
    """Return the expression of every type by sample (as `unmix_express.py` writes it), and by group.

    Parameters
    ----------
    found
        Of :func:`prepare`.
    groups
        Group of every sample, by its name; one group where none are known.

    Returns
    -------
    Layered
        Samples x genes, layers as for :func:`unmix.engine.expression.express`, and after each its ``informed TYPE``.
    Table
        ``group cell_type gene expression informed measured reference``.
    """
    import anndata as ad
    import pandas as pd

    from unmix.engine.expression import layer_names

    layers, parts, of_group = layer_names(found.cell_types), [], {}
    of_sample = groups.reindex(found.samples).to_numpy()
    for group in pd.unique(groups):
        of_group[group], informed = found.group(of_sample == group)
        for k, name in enumerate(found.cell_types):
            columns = {"group": group, "cell_type": name, "gene": found.genes, "expression": of_group[group][k]}
            columns |= {"informed": informed[k], "measured": informed[k] >= MEASURED, "reference": found.reference[k]}
            parts.append(pd.DataFrame(columns))
    out = ad.AnnData(found.bulk.astype(np.float32), pd.DataFrame(index=found.samples), pd.DataFrame(index=found.genes))
    out.var["in_bulk"] = True
    out.obs["group"] = of_sample.astype(str)
    out.obsm["fractions"] = found.fractions
    out.uns["unmix"] = {
        "kind": "expression",
        "method": "given fractions",
        "cell_types": np.array(found.cell_types, dtype=str),
        "layers": np.array(layers, dtype=str),
        "fractions": "mrna",
        "unit": "per million over the shared genes",
        "transductive": True,
    }
    names = [name for layer in layers for name in (layer, f"informed {layer}")]
    return Layered(out, names, _each(found, of_sample, of_group)), pd.concat(parts, ignore_index=True)


def _each(
    found: Expressed, of_sample: np.ndarray, of_group: dict[str, np.ndarray]
) -> Iterator[tuple[slice, np.ndarray]]:
    """Return the profiles of blocks of samples, each followed by what informs it (samples x 2 types x genes)."""
    for start in range(0, len(of_sample), SIZE):
        rows = np.arange(start, min(start + SIZE, len(of_sample)))
        values = np.empty((len(rows), 2 * len(found.cell_types), len(found.genes)), np.float32)
        for group in set(of_sample[rows]):
            own = of_sample[rows] == group
            values[own, ::2], values[own, 1::2] = found.each(of_group[group], rows[own])
        yield slice(start, start + len(rows)), values
