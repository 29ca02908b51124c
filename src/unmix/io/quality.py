"""Quality of the samples of a bulk: depth, complexity, and genes that tell of damage or blood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix.io import gene_groups
from unmix.io.matrices import WHOLE, row_blocks
from unmix.io.orientation import Finding
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Columns of the table, and the group of genes of each.
GROUPS = {"mitochondrial": "mitochondrial", "ribosomal": "ribosomal", "globin": "haemoglobin"}
#: Share of mitochondrial and ribosomal genes above which a library holds little other mRNA. Blood and tissue have up to
#: about a half.
MOST_OTHER = 0.8
#: The genes of largest values whose share shows how varied a library is.
TOP = 50
#: Few reads and few genes for the whole transcriptome: such samples are listed.
FEW_READS, FEW_GENES = 200_000, 5_000
#: Share of one gene above which a value may be wrong; haemoglobins of whole blood have as much together.
DOMINATED = 0.5
#: Share of the genes at the lowest value, and what this value is of all expression in all genes, above which to warn.
RAISED_GENES, RAISED = 0.02, 0.01


def measure(values: np.ndarray, genes: Sequence[str], samples: pd.Index, unit: str) -> pd.DataFrame:
    """Return what the samples look like.

    Parameters
    ----------
    values
        samples x genes, linear.
    genes, samples
        Their names; genes as symbols or Ensembl identifiers.
    unit
        Of the values, as :func:`unmix.io.units.decide` names it.

    Returns
    -------
    pandas.DataFrame
        Per sample: ``reads`` (NaN unless counts), ``genes`` above zero, ``top_50_share`` (of all expression), and the
        shares of ``mitochondrial``, ``ribosomal`` and ``globin`` genes (NaN where the bulk has none of them);
        ``poor_library`` where mitochondrial and ribosomal genes are nearly all.
    """
    totals = np.maximum(values.sum(axis=1), 1e-12)
    number = min(TOP, values.shape[1])
    top = [np.partition(values[rows], -number, axis=1)[:, -number:].sum(axis=1) for rows in row_blocks(values)]
    found = pd.DataFrame(
        {
            "reads": totals if unit == "counts" else np.nan,
            "genes": (values > 0).sum(axis=1),
            "top_50_share": np.concatenate(top) / totals,
        },
        index=samples,
    )
    groups = gene_groups.groups(genes)
    for column, group in GROUPS.items():
        of_group = groups == group
        found[column] = values[:, of_group].sum(axis=1) / totals if of_group.any() else np.nan
    other = found["mitochondrial"].fillna(0) + found["ribosomal"].fillna(0)
    found["poor_library"] = (other > MOST_OTHER).to_numpy()
    return found


def findings(quality: pd.DataFrame, width: int) -> list[Finding]:
    """Return sentences on the samples of :func:`measure`; `width` is the number of genes of the bulk."""
    parts = [f"{quality['genes'].median():,.0f} genes", f"top {TOP} genes {_span(quality['top_50_share'])}"]
    if quality["reads"].notna().any():
        parts.insert(0, f"{quality['reads'].median():,.0f} reads")
    parts += [f"{group} {_span(quality[group])}" for group in GROUPS if quality[group].notna().any()]
    said = [Finding("ok", "quality", f"Medians of the samples (lowest to highest share): {', '.join(parts)}.")]
    if (poor := quality["poor_library"]).any():
        shares = quality.loc[poor, ["mitochondrial", "ribosomal"]].sum(axis=1).map("{:.0%}".format)
        listed = show([f"{sample} ({share})" for sample, share in shares.items()])
        sentence = (
            f"Poor libraries, nearly all mitochondrial and ribosomal: {listed}. "
            "Their fractions say nothing of the cells: leave these samples out."
        )
        said.append(Finding("warning", "quality", sentence))
    few = ((quality["reads"] < FEW_READS) | (quality["genes"] < FEW_GENES)) & (width >= WHOLE) & ~poor
    if few.any():
        sentence = (
            f"{few.sum()} samples of few reads (below {FEW_READS:,}) or few genes (below {FEW_GENES:,}): "
            f"{show(quality.index[few])}. Rare cell types cannot be measured in them."
        )
        said.append(Finding("warning", "quality", sentence))
    return said


def dominated(values: np.ndarray, genes: pd.Index, samples: pd.Index) -> list[Finding]:
    """Return a warning of samples (rows of `values`) in which one gene has most of all expression."""
    top = values.argmax(axis=1)
    shares = np.take_along_axis(values, top[:, None], axis=1)[:, 0] / np.maximum(values.sum(axis=1), 1e-12)
    most = np.flatnonzero((shares > DOMINATED) & (values.shape[1] > TOP))
    if not most.size:
        return []
    listed = show([f"{samples[at]} ({genes[top[at]]}, {shares[at]:.0%})" for at in most])
    said = (
        f"One gene has more than {DOMINATED:.0%} of all expression in {most.size} samples: {listed}. Look at its value."
    )
    return [Finding("warning", "quality", said)]


def raised(values: np.ndarray, samples: pd.Index, unit: str) -> list[Finding]:
    """Return a warning of samples in which every gene has at least a level that many genes have: a constant was added.

    Microarrays have such a level, and it tells only where it is a part of the expression that counts (`RAISED`).
    """
    if unit == "microarray":
        return []
    lowest = values.min(axis=1)
    added = lowest * values.shape[1] / np.maximum(values.sum(axis=1), 1e-12)
    level = {i: (values[i] <= lowest[i] * (1 + 1e-6)).mean() for i in np.flatnonzero(added > RAISED)}
    found = [i for i, share in level.items() if share > RAISED_GENES]
    if not found:
        return []
    at = found[0]
    said = (
        f"No gene is at 0 in {len(found)} samples: {show(samples[found])}. {level[at]:.0%} of the genes of "
        f"{samples[at]} have its lowest value, {lowest[at]:.4g}. If a constant was added, or low values were raised to "
        f"one, genes that are not expressed look expressed, by {added[at]:.0%} of all expression. Give the values "
        "without it."
    )
    return [Finding("warning", "quality", said)]


def _span(shares: pd.Series) -> str:
    return f"{shares.median():.1%} ({shares.min():.1%} to {shares.max():.1%})"
