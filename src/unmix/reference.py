"""Prepare a single-cell reference: labels, donors, raw counts, quality control, a cap of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix import io
from unmix.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from anndata import AnnData


def read_reference(path: Path | str) -> AnnData:
    """Read a prepared reference.

    Raises
    ------
    DataError
        The file was not made by ``unmix_reference.py``; the message shows the command that makes it.
    """
    data = io.read_h5ad(path)
    if data.uns.get("unmix", {}).get("kind") != "reference":
        raise DataError(
            f"{path} is not a prepared reference.",
            "reference.h5ad made by unmix_reference.py",
            f"unmix_reference.py {path} --cell-type-key KEY --donor-key KEY --out reference.h5ad",
        )
    facts = dict(data.uns["unmix"])
    facts["messages"] = [str(sentence) for sentence in facts.get("messages", [])]
    data.uns["unmix"] = facts
    return data


def prepare_reference(
    paths: Sequence[Path | str],
    cell_type_key: str,
    donor_key: str | None = None,
    batch_key: str | None = None,
    label_map: Mapping[str, str] | None = None,
    preset: str = "standard",
    max_cells_per_type: int | None = None,
    seed: int = 0,
) -> AnnData:
    """Prepare a reference (provisional: thorough version follows)."""
    import anndata
    from scipy import sparse

    raw = io.read_h5ad(paths[0])
    labels = raw.obs[cell_type_key].astype(str)
    labels = labels.map(lambda name: (label_map or {}).get(name, name))
    keep = (labels != "").to_numpy()
    donors = raw.obs[donor_key].astype(str) if donor_key and donor_key != "none" else "all"
    obs = pd.DataFrame({"cell_type": labels, "donor": donors}, index=raw.obs_names)
    obs = obs.astype("category")[keep]
    order = np.argsort(raw.var_names)
    matrix = sparse.csr_matrix(raw.X, dtype=np.float32)[keep][:, order]
    data = anndata.AnnData(matrix, obs=obs, var=pd.DataFrame(index=raw.var_names[order]))
    data.uns["unmix"] = {"kind": "reference", "counts": "raw", "messages": []}
    return data
