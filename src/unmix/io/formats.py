"""Formats that are recognised but not read: each is refused by name, with the conversion to type."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import NamedTuple

from unmix.errors import DataError
from unmix.io.text import open_binary

EXPECTED = "a table of text (TSV or CSV, plain or .gz), h5ad, or the matrix.mtx or .h5 of 10x"
_WRITE = ".write_h5ad('{stem}.h5ad')\""
_ZIP = b"PK\x03\x04"
_FROM_R = (
    "in R, write the counts as a table of text: write.table(counts, '{stem}.tsv', sep = '\\t', col.names = NA); or a "
    "Seurat object as h5ad: zellkonverter::writeH5AD(Seurat::as.SingleCellExperiment(x), '{stem}.h5ad')"
)


class Foreign(NamedTuple):
    """A format: its name, the ends of its files, their first bytes (unzipped), parts of HDF5, and the conversion.

    ``{path}`` and ``{stem}`` in the conversion stand for the file and for its name without the end.
    """

    name: str
    do: str
    ends: tuple[str, ...] = ()
    begins: tuple[bytes, ...] = ()
    parts: frozenset[str] = frozenset()


FOREIGN = (
    Foreign(
        "a loom file",
        "python -c \"import anndata; anndata.io.read_loom('{path}')" + _WRITE + " (needs loompy)",
        (".loom",),
        parts=frozenset({"matrix", "row_attrs", "col_attrs"}),
    ),
    Foreign(
        "an h5Seurat file",
        "in R: SeuratDisk::Convert('{path}', dest = 'h5ad')",
        (".h5seurat",),
        parts=frozenset({"assays", "cell.names"}),
    ),
    Foreign(
        "an h5mu file of several kinds of data (MuData)",
        "python -c \"import mudata; mudata.read_h5mu('{path}')['rna']" + _WRITE,
        (".h5mu",),
        parts=frozenset({"mod"}),
    ),
    Foreign(
        "a zarr store",
        "python -c \"import anndata; anndata.io.read_zarr('{path}')" + _WRITE,
        (".zarr", ".zarr.zip"),
    ),
    Foreign(
        "a file of R",
        _FROM_R,
        (".rds", ".rdata", ".rda", ".robj", ".qs"),
        (b"RDX2\n", b"RDX3\n", b"RDA2\n", b"RDA3\n", b"X\n\x00\x00\x00", b"\x0b\x0e\x0a\xc1"),
    ),
    Foreign(
        "an Excel workbook",
        "open it and save the sheet as text (tab-delimited)",
        (".xlsx", ".xls", ".xlsm", ".ods"),
        (b"\xd0\xcf\x11\xe0", _ZIP),
    ),
    Foreign(
        "a parquet or feather table",
        "python -c \"import pandas; pandas.read_parquet('{path}').to_csv('{stem}.tsv', sep='\\t')\" (or read_feather)",
        (".parquet", ".feather"),
        (b"PAR1", b"ARROW1", b"FEA1"),
    ),
    Foreign(
        "an archive of files", "unpack it (tar -xf '{path}') and give the file inside", (".tar", ".tar.gz", ".tgz")
    ),
    Foreign(
        "a compressed file that is neither plain nor .gz",
        "unpack it (bunzip2, unxz, unzip, zstd -d, 7z x)",
        (".bz2", ".xz", ".zip", ".zst", ".7z"),
        (b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf"),
    ),
    Foreign(
        "a page of the web",
        "download the file itself: the link led to a page",
        (),
        (b"<!DOCTYPE", b"<!doctype", b"<html"),
    ),
    Foreign("a PDF", "give the table itself", (".pdf",), (b"%PDF",)),
    Foreign("JSON", "write the values as a table of text (TSV)", (".json", ".json.gz"), (b'{"', b"[{", b"[[")),
    Foreign("a pointer of Git LFS, not the file", "fetch the file: git lfs pull", (), (b"version https://git-lfs",)),
    Foreign(
        "a file of ARCHS4",
        "write the samples that you want as a table of text (Python: archs4py; R: the script that ARCHS4 offers)",
        parts=frozenset({"data", "meta"}),
    ),
    Foreign(
        "a file of reads, not of expression",
        "quantify the reads first, for example with nf-core/rnaseq",
        (".bam", ".cram", ".sam", ".fastq", ".fq", ".fastq.gz", ".fq.gz"),
        (b"BAM\x01", b"CRAM"),
    ),
)
#: Paths that a command to type may name between quotes; of another one it says FILE.
_PLAIN = re.compile(r"[\w./+, -]+")
#: Files that mark a folder as a zarr store.
_ZARR = (".zgroup", ".zattrs", "zarr.json")


def refuse_foreign(path: Path | str) -> None:
    """Raise DataError where a file or folder has a format that is not read: by its content, else by its name.

    The content decides first: a table of text with another end is read, and an R file named ``counts.txt`` is not.
    """
    path = Path(path)
    if path.is_dir():
        found = next((one for one in FOREIGN if one.name == "a zarr store" and _is_zarr(path)), None)
    else:
        head = _head(path)
        found = _by_content(path, head)
        if found is None and not _is_text(head):
            found = _by_name(path)
        if found is None and head[:1] == b"@" and path.name.lower().endswith((".sam", ".fastq", ".fq", ".gz")):
            found = FOREIGN[-1] if _is_reads(head) else None
    if found is not None:
        named = str(path) if _PLAIN.fullmatch(str(path)) else "FILE"
        do = found.do.format(path=named, stem=Path(named).name.split(".")[0])
        raise DataError(f"{path.name} is {found.name}.", EXPECTED, do)


def _head(path: Path) -> bytes:
    """Return the first bytes of a file, unzipped."""
    with open_binary(path) as file:
        head = file.read(512)
    if head[:2] != b"\x1f\x8b":
        return head
    try:
        with gzip.open(path) as file:
            return file.read(512)
    except (OSError, EOFError, zlib.error):  # a damaged file is reported where it is read
        return head


def _by_content(path: Path, head: bytes) -> Foreign | None:
    if head[:4] == b"\x89HDF":
        parts = _parts(path)
        return next((one for one in FOREIGN if one.parts and one.parts <= parts), None)
    if head[257:262] == b"ustar":
        return next(one for one in FOREIGN if ".tar" in one.ends)
    if head.startswith(_ZIP) and (named := _by_name(path)) is not None:
        return named  # Excel, zarr and others are zip files
    return next((one for one in FOREIGN if one.begins and head.startswith(one.begins)), None)


def _by_name(path: Path) -> Foreign | None:
    return next((one for one in FOREIGN if one.ends and path.name.lower().endswith(one.ends)), None)


def _parts(path: Path) -> frozenset[str]:
    """Return the names at the root of an HDF5 file; none where it is damaged."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return frozenset(file)
    except (OSError, RuntimeError, KeyError):
        return frozenset()


def _is_zarr(path: Path) -> bool:
    return path.suffix.lower() == ".zarr" or any((path / name).exists() for name in _ZARR)


def _is_text(head: bytes) -> bool:
    return bool(head) and b"\x00" not in head and head[:4] != b"\x89HDF"


def _is_reads(head: bytes) -> bool:
    """Say whether text is of reads: FASTQ has + in its third line, SAM tags of two capitals in its first."""
    lines = head.split(b"\n")
    return head[:4] in (b"@HD\t", b"@SQ\t") or (len(lines) > 2 and lines[2][:1] == b"+")
