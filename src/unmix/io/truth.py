"""Read known fractions: of bulk samples, or of pseudobulk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from unmix.errors import DataError
from unmix.io import percent, text
from unmix.io.tables import is_h5ad, read_h5ad, read_table

if TYPE_CHECKING:
    from collections.abc import Collection

_EPS = 1e-12


def read_truth(path: Path | str, kind: str = "cell", samples: Collection[str] | None = None) -> pd.DataFrame:
    """Read known fractions.

    Parameters
    ----------
    path
        TSV/CSV (samples x types, or transposed when `samples` are found in its columns), or an
        h5ad of pseudobulk with ``obsm["cell_fractions"]`` and ``obsm["mrna_fractions"]``.
    kind
        ``cell`` or ``mrna``: which truth of a pseudobulk is taken.
    samples
        Sample names, to recognise a transposed table.

    Returns
    -------
    pandas.DataFrame
        samples x types, float64; percent is divided by 100, and said so in ``attrs["messages"]``.

    Raises
    ------
    DataError
        Text among the numbers, negative fractions, rows in percent beside rows of fractions, duplicate names, or no
        such truth in the h5ad.
    """
    path = Path(path)
    if is_h5ad(path):
        data = read_h5ad(path)
        key = f"{kind}_fractions"
        if key not in data.obsm:
            raise DataError(
                f"{path.name} has no obsm['{key}'] (found: {text.show(list(data.obsm)) or 'nothing'}).",
                "pseudobulk made by unmix_simulate.py, or a table of samples x cell types",
                "give the truth as TSV",
            )
        truth = data.obsm[key]
        if not isinstance(truth, pd.DataFrame):
            types = data.uns.get("unmix", {}).get("cell_types", range(truth.shape[1]))
            truth = pd.DataFrame(truth, index=data.obs_names, columns=[str(name) for name in types])
        return percent.as_fractions(truth, path.name)[0]
    truth = read_table(path)
    messages = truth.attrs["messages"]
    if samples is not None:
        wanted = {str(name) for name in samples}
        if len(wanted & set(truth.columns)) > len(wanted & set(truth.index)):
            truth = truth.T
    truth, said = percent.as_fractions(truth, path.name)
    truth.attrs["messages"] = [*messages, *said]
    if (low := truth.stack()).lt(-_EPS).any():
        sample, name = low[low < -_EPS].index[0]
        raise DataError(
            f"{path.name}: the fraction of {name!r} in sample {sample!r} is negative ({low[sample, name]:g}).",
            "fractions of 0 or more",
            "correct the table",
        )
    for axis, names in (("sample", truth.index), ("cell type", truth.columns)):
        if names.has_duplicates:
            raise DataError(
                f"{path.name}: the {axis} {names[names.duplicated()][0]!r} occurs twice.",
                f"every {axis} once",
                "rename or remove the second one",
            )
    return truth
