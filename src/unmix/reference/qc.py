"""Quality control of single cells: thresholds as data, and how they are applied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unmix.io import gene_groups

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse

PANEL = 2000


@dataclass(frozen=True)
class Preset:
    """Thresholds of quality control, and where they come from.

    Those of cells need a whole transcriptome and apply to panels of more than PANEL genes only.
    """

    source: str
    min_genes: int = 0
    max_genes: float = np.inf
    max_mito: float = 1.0
    min_cells: int = 0


PRESETS = {
    "standard": Preset("our choice: lenient, so that no cell type is lost", 200, max_mito=0.20, min_cells=1),
    "none": Preset("nothing is removed"),
    "dissect": Preset("code of DISSECT", 200, max_mito=0.05, min_cells=3),
    "nnice": Preset("code of NNICE", 200, 3000, 0.05),
    "tape": Preset("notebooks of TAPE (PBMC)", 500, min_cells=5),
}


def control(
    X: sparse.csr_matrix, obs: pd.DataFrame, var: pd.DataFrame, name: str, messages: list[str]
) -> tuple[sparse.csr_matrix, pd.DataFrame, pd.DataFrame]:
    """Apply a preset; say what each threshold removed."""
    preset = PRESETS[name]
    keep = np.asarray(X.sum(axis=1)).ravel() > 0
    if not keep.all():
        messages.append(f"{(~keep).sum():,} cells without any count were dropped.")
    by_cells = preset.min_genes or preset.max_mito < 1
    if by_cells and len(var) <= PANEL:
        messages.append(f"Preset {name}: thresholds for cells were not applied to a panel of {len(var):,} genes.")
    elif by_cells:
        seen = np.diff(X.indptr)
        mito = mito_share(X, var)
        tests = {
            f"fewer than {preset.min_genes} genes": seen < preset.min_genes,
            f"more than {preset.max_genes} genes": seen > preset.max_genes,
            f"more than {preset.max_mito:.0%} mitochondrial counts": mito > preset.max_mito,
        }
        removed = [f"{(test & keep).sum():,} with {what}" for what, test in tests.items() if "inf" not in what]
        messages.append(f"Preset {name} ({preset.source}) removed cells: {', '.join(removed)}.")
        keep &= ~np.logical_or.reduce(list(tests.values()))
    if not keep.all():
        X, obs = X[keep], obs[keep]
    if preset.min_cells:
        genes = np.bincount(X.indices, minlength=X.shape[1]) >= preset.min_cells
        if not genes.all():
            where = "no cell" if preset.min_cells == 1 else f"fewer than {preset.min_cells} cells"
            messages.append(f"{(~genes).sum():,} genes seen in {where} were removed.")
            X, var = X[:, genes], var[genes]
    return X, obs, var


def mito_share(X: sparse.csr_matrix, var: pd.DataFrame) -> np.ndarray:
    """Return the share of mitochondrial counts of every cell (cells x genes, CSR)."""
    mito = (gene_groups.groups(var.index) == "mitochondrial").astype(np.float64)
    total = np.asarray(X.sum(axis=1)).ravel()
    return (X @ mito) / np.maximum(total, 1e-9)
