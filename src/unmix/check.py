"""The input doctor: a bulk table as it comes, made canonical, with a sentence for all that was mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from unmix import io
from unmix.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anndata import AnnData


def read_bulk(
    path: Path | str,
    unit: str = "auto",
    genes: Sequence[str] | None = None,
    species: str = "auto",
) -> AnnData:
    """Read bulk expression and make it canonical (provisional: thorough version follows)."""
    import anndata

    if io.is_h5ad(path):
        data = io.read_h5ad(path)
        data.X = np.asarray(data.X.todense() if hasattr(data.X, "todense") else data.X, dtype=np.float64)
        facts = dict(data.uns.get("unmix", {}))
        facts["messages"] = [str(sentence) for sentence in facts.get("messages", [])]
        data.uns["unmix"] = {"kind": "bulk", "unit": "counts", "log": "none", **facts}
        return data
    table = io.read_table(path)
    frame = table.select_dtypes("number")
    wanted = set(genes if genes is not None else ())
    if len(wanted & set(frame.columns)) <= len(wanted & set(frame.index)):
        frame = frame.T
    if wanted and not wanted & set(frame.columns):
        raise DataError(f"{path} shares no gene with the reference.", "the same gene identifiers", "check them")
    frame = frame.fillna(0).T.groupby(level=0, sort=True).sum().T
    data = anndata.AnnData(
        np.ascontiguousarray(frame.to_numpy(dtype=np.float64)),
        obs=pd.DataFrame(index=frame.index.astype(str)),
        var=pd.DataFrame(index=frame.columns.astype(str)),
    )
    assumed = "counts" if unit == "auto" else unit
    data.uns["unmix"] = {"kind": "bulk", "unit": assumed, "log": "none", "messages": []}
    return data
