"""One bulk, several references: models of any method, weighed sample by sample (SCDC's ENSEMBLE; Dong et al. 2021).

SCDC reconstructs the bulk from the fractions and profiles of every reference. It then finds the weights, non-negative
with sum 1, whose weighted reconstruction is closest to the bulk. SCDC uses one set of weights for all samples. Here
each sample has its own, so that samples do not depend on each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.solvers import sum_constrained
from unmix.contract.method import silent
from unmix.engine import cell_fractions
from unmix.engine.prediction import predict as predict_one
from unmix.errors import DataError
from unmix.io.units import per_million

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import anndata as ad
    import pandas as pd

    from unmix.contract.model import Model
    from unmix.io.fractions import Fractions

#: SCDC: genes between these quantiles of a sample's expression are compared.
LOW, HIGH = 0.15, 0.95
#: Tables of fractions of which the weighted mean is taken.
PARTS = ("values", "lower", "upper", "lower_relative", "upper_relative", "mrna")


def predict(
    models: Sequence[Model],
    bulk: ad.AnnData,
    *,
    level: float = 0.9,
    device: str = "auto",
    mrna_per_cell: str | pd.Series = "none",
    say: Callable[[str], None] = silent,
) -> Fractions:
    """Estimate the fractions of bulk samples with several models of the same cell types.

    Parameters
    ----------
    models
        Of :func:`unmix.engine.train`: one method on several references, or several methods.
    bulk, level, device, mrna_per_cell, say
        As for :func:`unmix.predict`.

    Returns
    -------
    Fractions
        The weighted mean; intervals are the weighted mean of the models', wider by how far they disagree (weighted
        standard deviation); the flag of a sample is that of its heaviest model; the table ``references`` holds the
        weights.

    Raises
    ------
    DataError
        If the models differ in cell types or in what they estimate, or estimate scores.
    """
    import pandas as pd

    first = models[0]
    for other in models:
        if (
            set(other.cell_types) != set(first.cell_types)
            or other.quantity != first.quantity
            or other.quantity == "score"
        ):
            raise DataError(
                f"a model of {other.quantity} with {', '.join(sorted(other.cell_types))} cannot be averaged with one "
                f"of {first.quantity} with {', '.join(sorted(first.cell_types))}",
                "models of the same cell types and the same quantity",
                "merge or rename types with a label map when preparing the references; --set fractions=cell or mrna",
            )
    found = [predict_one(model, bulk, level=level, device=device, say=say) for model in models]
    weights = np.stack(
        [weigh(row, sample) for row, sample in zip(*rebuilt(models, [f.values for f in found], bulk), strict=True)]
    )
    found = [cell_fractions.to_cells(model, f, mrna_per_cell, say) for model, f in zip(models, found, strict=True)]
    given = {name: [getattr(f, name) for f in found] for name in PARTS}
    parts = {
        name: np.stack([table[first.cell_types] for table in tables])
        for name, tables in given.items()
        if all(table is not None for table in tables)
    }
    share = weights.T[:, :, None]
    mean = {name: (share * part).sum(0) for name, part in parts.items()}
    spread = np.sqrt((share * (parts["values"] - mean["values"]) ** 2).sum(0))
    for name in mean.keys() & {"lower", "lower_relative"}:
        mean[name] = np.clip(mean[name] - spread, 0, 1)
    for name in mean.keys() & {"upper", "upper_relative"}:
        mean[name] = np.clip(mean[name] + spread, 0, 1)
    samples = found[0].values.index
    tables = {name: pd.DataFrame(part, samples, first.cell_types) for name, part in mean.items()}
    flags = [found[k].flags.iloc[i] for i, k in enumerate(weights.argmax(1))]
    names = [f"{i + 1} ({model.method})" for i, model in enumerate(models)]
    told = {"references": pd.DataFrame(weights, samples, names)}
    return replace(found[0], **tables, flags=pd.Series(flags, samples), held_out=None, tables=told)


def rebuilt(
    models: Sequence[Model], fractions: Sequence[pd.DataFrame], bulk: ad.AnnData
) -> tuple[np.ndarray, np.ndarray]:
    """Return each sample as each model rebuilds it (samples x models x genes) and as it is (samples x genes).

    Over the genes that the bulk and all references have, per million. Fractions of cells stand for those of mRNA, as
    the profiles of a model are relative.
    """
    genes = set(bulk.var_names)
    for model in models:
        genes &= set(model.facts["reference_genes"])
    shared = sorted(genes)
    parts = []
    for model, estimate in zip(models, fractions, strict=True):
        profiles = model.profiles(shared)
        rows = [row @ profiles for row in estimate[model.cell_types].to_numpy()]  # one by one: the same bytes alone
        parts.append(per_million(np.stack(rows)))
    real = np.asarray(bulk[:, shared].X, dtype=np.float64)
    return np.stack(parts, axis=1), per_million(real)


def weigh(rows: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return the weights (non-negative, sum 1) whose weighted reconstruction is closest to the sample.

    Parameters
    ----------
    rows
        Models x genes.
    sample
        Genes.
    """
    low, high = np.quantile(sample, [LOW, HIGH])
    kept = (sample >= low) & (sample <= high)
    return sum_constrained(rows[:, kept].T, sample[kept], exactly=True)
