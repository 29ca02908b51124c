"""Genes whose level follows the blood in a sample, its handling or the protocol, and not its cell types.

They are those of :mod:`unmix.io.gene_groups`. No method uses them unless the user says so; published signatures keep
the genes that they hold.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from unmix.io import gene_groups

if TYPE_CHECKING:
    from collections.abc import Collection

    import anndata as ad

#: Groups that are no part of the mRNA of a cell: what other cells spilt, damage, and RNA of the nucleus. Messengers of
#: ribosomal proteins are up to half of a lymphocyte's mRNA and stay in its amount.
NOT_OF_THE_CELL = ("haemoglobin", "mitochondrial", "sex", "nuclear")
#: Erythroid types by name, and by the share of haemoglobins in their counts. Lysed erythrocytes give other cells 10 %.
_ERYTHROID = re.compile(r"eryth|red blood|\brbcs?\b|normoblast|reticulocyte", re.IGNORECASE)
ERYTHROID_SHARE = 0.25


def mark(reference: ad.AnnData, used: Collection[str], messages: list[str]) -> None:
    """Write the groups of the technical genes to ``var["technical"]``, and say which no method will use.

    Parameters
    ----------
    reference
        Cells x genes with ``obs["cell_type"]``; changed in place.
    used
        Groups that methods may use in spite of that. Haemoglobins are used if the reference has an erythroid type,
        of which they are the markers.
    messages
        Takes the sentences.
    """
    found = gene_groups.groups(reference.var_names)
    sums = np.asarray(reference.X.sum(0), dtype=np.float64).ravel()
    if "haemoglobin" not in used and (types := _erythroid(reference, found == "haemoglobin")):
        used = {*used, "haemoglobin"}
        messages.append(f"Haemoglobins are used as any gene, because {', '.join(types)} is erythroid.")
    found[np.isin(found, list(used))] = ""
    parts = [
        f"{(found == group).sum()} {group} ({sums[found == group].sum() / sums.sum():.1%} of the counts)"
        for group in gene_groups.GROUPS
        if (found == group).any()
    ]
    if parts:
        unused = f"Technical genes that no method uses: {', '.join(parts)}"
        messages.append(f"{unused}; unmix_reference.py --use-genes GROUP has them used.")
    reference.var["technical"] = found.astype(str)


def _erythroid(reference: ad.AnnData, haemoglobin: np.ndarray) -> list[str]:
    """Return the erythroid types of a reference."""
    if not haemoglobin.any():
        return []
    types = reference.obs["cell_type"].astype(str).to_numpy()
    of_cells, totals = (np.asarray(part.sum(1)).ravel() for part in (reference.X[:, haemoglobin], reference.X))
    share = {name: of_cells[types == name].sum() / max(totals[types == name].sum(), 1e-9) for name in np.unique(types)}
    return [name for name, value in share.items() if _ERYTHROID.search(name) or value > ERYTHROID_SHARE]
