"""Data in memory as the files that all readers take: one way in, with the same checks and the same sentences."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from unmix.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import anndata as ad
    import pandas as pd

    #: What may stand for a bulk, single cells or known fractions: a file, an AnnData, or a table of numbers.
    Data = Path | str | ad.AnnData | pd.DataFrame


@contextlib.contextmanager
def as_file(data: Data, name: str) -> Iterator[Path]:
    """Yield the path of data; those in memory are written to a temporary file of this name.

    Raises
    ------
    DataError
        An AnnData that cannot be written.
    UsageError
        Data of another type.
    """
    if isinstance(data, (str, Path)):
        yield Path(data)
        return
    import anndata as ad
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        if isinstance(data, ad.AnnData):
            path = path.with_name(f"{name}.h5ad")
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # anndata's, on names that the temporary file does not mind
                    data.write_h5ad(path)
            except (TypeError, ValueError, NotImplementedError) as error:
                raise DataError(
                    f"the {name} cannot be written as h5ad: {error}", "columns of one kind each", "remove this element"
                ) from error
        elif isinstance(data, pd.DataFrame):
            path = path.with_name(f"{name}.tsv")
            data.rename_axis(index="gene" if data.index.name is None else data.index.name).to_csv(path, sep="\t")
        else:
            raise UsageError(
                f"the {name} is of the type {type(data).__name__}",
                "a path, an AnnData or a pandas.DataFrame with names of genes and samples",
                "wrap an array in pandas.DataFrame(values, index=genes, columns=samples)",
            )
        yield path
