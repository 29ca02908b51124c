"""The schema of CELLxGENE: what an h5ad of CZ CELLxGENE Discover must hold to be read as one of its datasets.

Since version 4 of the schema (single-cell-curation, schema.md) every file names its own dataset version in
``uns["citation"]``; genes are Ensembl identifiers, and counts stand in ``raw.X``, or in ``X`` where there is no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmix.errors import DataError
from unmix.io import tables

if TYPE_CHECKING:
    from pathlib import Path

#: Columns of obs that a recipe may rely on.
COLUMNS = ("cell_type", "donor_id", "disease", "is_primary_data", "assay", "tissue", "organism")
#: Genes looked at.
LOOK = 1000


def check(path: Path, url: str) -> None:
    """Refuse a file that is not the dataset version of an address, in the schema of CELLxGENE.

    Parameters
    ----------
    path
        h5ad.
    url
        Of the dataset version, as CELLxGENE cites it.

    Raises
    ------
    DataError
        No h5ad, another dataset version, a missing column, no counts, or genes that are no Ensembl identifiers.
    """
    import h5py
    from anndata.io import read_elem

    if not tables.is_h5ad(path):
        raise DataError(f"{path.name} is no h5ad", f"the dataset {url}", "look at the address in a browser")
    tables.check_hdf5(path)
    with tables.readable(path), h5py.File(path) as file:
        citation = str(read_elem(file["uns/citation"])) if "uns/citation" in file else ""
        if url not in citation.split():
            _refuse(path, "no dataset" if not citation else citation.split("Dataset Version: ")[-1].split()[0], url)
        columns = set(file["obs"])
        if lost := [column for column in COLUMNS[:4] if column not in columns]:
            raise DataError(
                f"{path.name} has no column {lost[0]!r}", f"the columns {', '.join(COLUMNS[:4])}", "report this"
            )
        raw = "raw/X" if "raw/X" in file else "X"
        values = file[raw]["data"] if isinstance(file[raw], h5py.Group) else file[raw]
        some = values[:LOOK]
        if (some % 1).any() or (some < 0).any():
            raise DataError(f"{path.name} holds no counts in {raw}", "whole numbers, as the schema asks", "report this")
        var = file["raw/var" if raw == "raw/X" else "var"]
        genes = read_elem(var[var.attrs["_index"]])[:LOOK]
        if foreign := [gene for gene in map(str, genes) if not gene.startswith(("ENS", "ERCC-"))]:
            raise DataError(f"{path.name} names a gene {foreign[0]!r}", "Ensembl identifiers", "report this")


def _refuse(path: Path, found: str, url: str) -> None:
    raise DataError(
        f"{path.name} cites {found} as its source",
        f"the dataset version {url}",
        "take the file of this version; a newer version needs a new recipe",
    )
