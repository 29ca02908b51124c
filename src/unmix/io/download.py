"""Published signatures of open licence, from where their authors keep them, and published entries of the registry.

This is the only part of unmix that uses a network.

The checksum is of what the table says - names, and numbers to six digits - so that line ends, quotes and the writing of
a zero do not matter; it was taken from copies of November 2026. Signatures that may not be passed
on (LM22, EPIC's) are not here, nor those that their authors give only inside an R object (xCell, ESTIMATE):
docs/signatures.md says how a user gets those.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from unmix.errors import DataError, UsageError
from unmix.io import registry, signatures, tables, text

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds to wait for a host.
PATIENCE = 60
#: How often a download that failed is tried again.
RETRIES = 2
ABIS = "https://raw.githubusercontent.com/giannimonaco/ABIS/632992567ae98e6dd295bea9359c68ce4640a003/data/"
TIL10 = (
    "https://raw.githubusercontent.com/omnideconv/immunedeconv/941df2d6f396c3d9620e9972aac84a04aabd1b72/"
    "inst/extdata/quantiseq/"
)
MCPCOUNTER = "https://raw.githubusercontent.com/ebecht/MCPcounter/468c3a32b8e27b9611d0a98497b7a918c27da34b/Signatures/"


@dataclass(frozen=True)
class Source:
    """A file at its source, what it holds, how it is called here, and the checksum of what is written."""

    url: str
    holds: Literal["signature", "size", "genes", "sets"]
    name: str
    sha256: str


@dataclass(frozen=True)
class Published:
    """A published signature: for which method, under which licence, in which files."""

    method: str
    licence: str
    sources: tuple[Source, ...]


SIGNATURES = {
    "abis": Published(
        "abis",
        "GPL-2",
        (
            Source(
                ABIS + "sigmatrixRNAseq.txt",
                "signature",
                "abis_rnaseq.tsv",
                "0213dcfc488a3b0188357fd0aed7a331494b6691fd9f3677a1d8c02a0f07161d",
            ),
        ),
    ),
    "abis-microarray": Published(
        "abis",
        "GPL-2",
        (
            Source(
                ABIS + "sigmatrixMicro.txt",
                "signature",
                "abis_microarray.tsv",
                "662e3b6682abce00fda8d45261bf33def61c1a1dc81b6cc8810822aaa49b1aae",
            ),
        ),
    ),
    "mcpcounter": Published(
        "mcpcounter",
        "CC0-1.0",
        (
            Source(
                MCPCOUNTER + "genes.txt",
                "sets",
                "mcpcounter.gmt",
                "406cebbbbeebcb079df6c73bfc80d7a7621f3858e515d3977d3d14e307b28944",
            ),
        ),
    ),
    "til10": Published(
        "quantiseq",
        "GPL-3 (quantiseqr) or BSD-3 (quanTIseq)",
        (
            Source(
                TIL10 + "TIL10_signature.txt",
                "signature",
                "til10.tsv",
                "8640580b9f9e55ebcec3e7de4b8964369c6a87fcc307eba9a04fd17d2f664eb5",
            ),
            Source(
                TIL10 + "TIL10_mRNA_scaling.txt",
                "size",
                "til10_mrna.tsv",
                "36d7cdbfa9eb70f38f755e0e0be1355c0c6c5160840a380016a76c9255b40960",
            ),
            Source(
                TIL10 + "TIL10_rmgenes.txt",
                "genes",
                "til10_noisy_genes.txt",
                "eb2b15b3721ea86a5e8c5d35f0edec411ffd224989c416273d93aafdced85bef",
            ),
            Source(
                TIL10 + "TIL10_TCGA_aberrant_immune_genes.txt",
                "genes",
                "til10_tumour_genes.txt",
                "d5690ef5828d5ab40e1e27d96561053e93c2d27cf28cf8c8b5b070fb4b2808a4",
            ),
        ),
    ),
}


def get(name: str) -> Published:
    """Return a published signature by name.

    Raises
    ------
    UsageError
        If there is none of this name.
    """
    if name not in SIGNATURES:
        raise UsageError(
            f"no signature {name!r} can be downloaded", f"one of {', '.join(SIGNATURES)}", "see docs/signatures.md"
        )
    return SIGNATURES[name]


def fetch(source: Source, path: Path) -> None:
    """Write one file of a signature, if its contents are what they were.

    Parameters
    ----------
    source
        Of :data:`SIGNATURES`.
    path
        Where to write it; nothing is written there on an error.

    Raises
    ------
    DataError
        If the host cannot be reached or what it gave is not what is expected.
    """
    option = "--gene-sets" if source.holds == "sets" else "--signature"
    with tempfile.TemporaryDirectory() as folder:
        found_at = raw(
            source.url,
            Path(folder) / "raw",
            "a network, and the file where its authors put it",
            f"download it where there is a network, and give it to unmix_train.py with {option}",
        )
        made = Path(folder) / source.name
        try:
            convert(found_at, source.holds, made)
            found = f"the contents of {source.name} have sha256 {fingerprint(made)}"
        except (DataError, ValueError):  # a page in place of the file, as a host or a login sends it
            found = f"it cannot be read as {source.name}"
        if not found.endswith(source.sha256):
            raise DataError(
                f"{source.url} has changed: {found}",
                f"contents with sha256 {source.sha256}",
                f"look at the file at its source; if you trust it, give it to unmix_train.py with {option}",
            )
        shutil.copyfile(made, path)


def fetch_file(url: str, sha256: str, path: Path) -> None:
    """Write a file of the registry, if its bytes have the sha256.

    Raises
    ------
    DataError
        If the host cannot be reached or the file is another; nothing is written.
    """
    with tempfile.TemporaryDirectory() as folder:
        found_at = raw(
            url,
            Path(folder) / "raw",
            "a network, and the file at its address",
            "try again where there is a network, or build the entry: --build",
        )
        if (found := registry.sha256(found_at)) != sha256:
            raise DataError(
                f"{url} has sha256 {found}", f"sha256 {sha256}", "do not use this file; build the entry: --build"
            )
        shutil.copyfile(found_at, path)


def raw(url: str, path: Path, expected: str, do: str, progress: Callable[[int, int, str], None] | None = None) -> Path:
    """Write the file of an address; its checksum is left to the caller.

    Parameters
    ----------
    url, path
        Where from, and where to: nothing is there before it is complete.
    expected, do
        Of the error.
    progress
        Called with the bytes that have arrived, their total, and the word for them.

    Raises
    ------
    DataError
        The host cannot be reached, has no such file, or breaks off.
    """
    import pooch

    pooch.get_logger().setLevel("ERROR")
    host = pooch.create(path.parent, "", registry={path.name: None}, urls={path.name: url}, retry_if_failed=RETRIES)
    bar = _Bar(progress) if progress else False
    get = pooch.HTTPDownloader(timeout=PATIENCE, progressbar=bar, headers={"Accept-Encoding": "identity"})
    try:
        return Path(host.fetch(path.name, downloader=get))
    except (OSError, ValueError) as error:
        raise DataError(f"{url} cannot be downloaded ({error})", expected, do) from error


class _Bar:
    """What pooch takes as a progress bar."""

    total = 0

    def __init__(self, progress: Callable[[int, int, str], None]) -> None:
        self._progress, self._done = progress, 0

    def update(self, size: int) -> None:
        self._done = min(self._done + size, self.total)
        self._progress(self._done, self.total, "bytes")

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        pass


def convert(raw: Path, holds: str, path: Path) -> None:
    """Write a file of a source as unmix keeps such files.

    Parameters
    ----------
    raw
        As its authors give it.
    holds
        ``signature``: genes x types; ``size``: type and number, perhaps without a header; ``genes``: one a line;
        ``sets``: a table of sets and genes.
    path
        TSV; a list; or GMT for sets.
    """
    if holds == "signature":
        tables.write_table(tables.read_table(raw), path, index_label="gene")
    elif holds == "sets":
        sets = signatures.read([raw]).sets
        lines = ["\t".join([name, "", *genes]) for name, genes in sets.items()]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    elif holds == "genes":
        genes = [line.strip() for line in text.lines(raw, []) if line.strip() not in signatures.GENE_COLUMNS]
        path.write_text("\n".join(genes) + "\n", encoding="utf-8")
    else:
        rows = [line.split("\t") for line in text.lines(raw, [])]
        rows = [f"{name}\t{float(number)!r}" for name, number in rows if number != "mRNA_scaling"]
        path.write_text("\n".join(["cell_type\tmrna", *rows]) + "\n", encoding="utf-8")


def fingerprint(path: Path) -> str:
    """Return the sha256 of what a table says: its cells, numbers to six significant digits."""

    def cell(text: str) -> str:
        try:
            return f"{float(text):.6g}"
        except ValueError:
            return text

    rows = ["\t".join(map(cell, line.split("\t"))) for line in path.read_text("utf-8").splitlines()]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
