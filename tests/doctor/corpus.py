"""Awkward inputs by name: how each is written, and how it must end.

A case of :data:`BULK` writes a bulk and a case of :data:`CELLS` single cells. It ends in the fractions of the clean
input, with a sentence that holds the stated words (none where nothing was corrected), or in a DataError that holds
them.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import anndata
import h5py
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.io import mmwrite

from unmix.io import gene_tables
from unmix.simulate.toy import toy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SYMBOLS = {symbol: gene_id for gene_id, symbol in gene_tables.symbols("human").items() if not symbol.startswith("MT-")}
GENES = ["SEPTIN2", "HLA-DRA", *(g for g in list(SYMBOLS)[:620] if g not in ("SEPTIN2", "HLA-DRA"))][:600]
IDS = [SYMBOLS[gene] for gene in GENES]
REFERENCE, _TOY = toy(samples=8)
REFERENCE.var_names = GENES
CLEAN = pd.DataFrame(np.asarray(_TOY.X).T, index=GENES, columns=[f"P{i}" for i in range(8)]).astype(int)
RNG = np.random.default_rng(0)
CPM = CLEAN / CLEAN.sum() * 1e6
FPKM = CPM * RNG.uniform(0.3, 0.9, 8)
ENTREZ = RNG.permutation(90_000)[:600] + 1


class Case(NamedTuple):
    """How an input is written (`write` takes a path), what must be said, whether it is refused, and the options."""

    write: Callable[[Path], object]
    words: str = ""
    refused: bool = False
    unit: str = "auto"
    suffix: str = ".tsv"
    donor: str = "donor"


def table(frame: pd.DataFrame, separator: str = "\t", corner: str = "gene", **how: object) -> Callable[[Path], object]:
    """Return what writes a frame as text."""
    return lambda path: frame.to_csv(path, sep=separator, index_label=corner, **how)


def lines(change: Callable[[list[str]], list[str]], frame: pd.DataFrame = CLEAN, separator: str = "\t") -> Callable:
    """Return what writes a frame with its lines changed, the header first."""

    def write(path: Path) -> None:
        text = frame.to_csv(sep=separator, index_label="gene")
        path.write_text("\n".join(change(text.splitlines())) + "\n")

    return write


def h5ad(X: object = None, **parts: object) -> Callable[[Path], object]:
    """Return what writes a bulk h5ad."""
    obs, var = pd.DataFrame(index=CLEAN.columns), pd.DataFrame(index=GENES)
    return lambda path: anndata.AnnData(X, obs=obs, var=var, **parts).write_h5ad(path)


def changed(change: Callable[[pd.DataFrame], object], frame: pd.DataFrame = CLEAN) -> pd.DataFrame:
    """Return a changed copy of a frame."""
    frame = frame.astype(float)
    change(frame)
    return frame


def put(row: object, column: object, value: object) -> Callable[[pd.DataFrame], object]:
    """Return what puts a value into a frame."""
    return lambda frame: frame.__setitem__(column, frame[column].where(np.arange(len(frame)) != row, value))


def renamed(names: list[str]) -> pd.DataFrame:
    """Return the clean bulk with other gene names."""
    return CLEAN.set_axis(names)


def with_column(name: str, values: object) -> pd.DataFrame:
    """Return the clean bulk with a column before the samples."""
    frame = CLEAN.copy()
    frame.insert(0, name, values)
    return frame


def grouped(mark: str) -> pd.DataFrame:
    """Return the clean bulk with thousands separators."""
    return (CLEAN * 10).map(lambda value: f"{value:,}".replace(",", mark))


LOGS = {"log2": lambda x: np.log2(x + 1), "ln": np.log1p, "log10": lambda x: np.log10(x + 1)}
TURNED = CLEAN.T.to_numpy().astype(float)
HALF = pd.concat([LOGS["log2"](CPM.iloc[:, :4]), CPM.iloc[:, 4:]], axis=1)
VOOM = np.log2((CLEAN + 0.5) / (CLEAN.sum() + 1) * 1e6)

BULK: dict[str, Case] = {
    "clean": Case(table(CLEAN)),
    "tabs at the ends of rows": Case(lines(lambda t: [t[0], *(row + "\t" for row in t[1:])])),
    "two tabs at the ends of rows": Case(lines(lambda t: [t[0], *(row + "\t\t" for row in t[1:])])),
    "a tab at the end of the header": Case(lines(lambda t: [t[0] + "\t", *t[1:]])),
    "tabs at the ends of all lines": Case(lines(lambda t: [line + "\t" for line in t])),
    "tabs at the ends of some rows": Case(lines(lambda t: [line + "\t" * (i % 3 == 1) for i, line in enumerate(t)])),
    "commas at the ends of rows": Case(lines(lambda t: [t[0], *(row + "," for row in t[1:])], separator=",")),
    "R's header": Case(lines(lambda t: [t[0].partition("\t")[2], *t[1:]])),
    "R's header and tabs at the ends": Case(lines(lambda t: [t[0].partition("\t")[2], *(r + "\t" for r in t[1:])])),
    "R's header with a tab too many": Case(lines(lambda t: [t[0].partition("\t")[2] + "\t", *t[1:]]), "match", True),
    "an unnamed first column": Case(table(CLEAN, corner="")),
    "a sample without a name": Case(lines(lambda t: [t[0].replace("P3", ""), *t[1:]]), "no name", True),
    "all quoted": Case(table(CLEAN, quoting=1)),
    "a row cut off": Case(lines(lambda t: [*t[:-1], t[-1][:-6]]), "cells", True),
    "semicolons": Case(table(CLEAN, ";")),
    "Windows": Case(table(CLEAN, lineterminator="\r\n"), "Windows"),
    "samples in rows": Case(table(CLEAN.T, corner="sample"), "samples in rows"),
    "decimal commas": Case(table(CPM.round(2), decimal=","), "decimal commas"),
    "thousands by comma": Case(table(grouped(",")), "thousands"),
    "thousands by comma, CSV": Case(table(grouped(","), ","), "thousands"),
    "thousands by point": Case(table(grouped(".")), "thousands"),
    "thousands and decimals": Case(table(CPM.map(lambda x: f"{x:,.1f}")), "thousands"),
    "CPM": Case(table(CPM), "about a million"),
    "FPKM": Case(table(FPKM), "FPKM assumed"),
    "voom": Case(table(VOOM), "logarithms, log2"),
    "half in log2": Case(table(HALF), "P0, P1, P2, P3", True),
    "upper-case unit": Case(table(LOGS["log2"](FPKM)), "as declared", unit="log2FPKM"),
    "scanpy's logarithm declared": Case(table(LOGS["ln"](FPKM / 100)), "as declared", unit="lncp10k"),
    "decimals below 30": Case(table(FPKM / FPKM.max().max() * 25), "may be logarithms", True),
    "decimals below 30 declared": Case(table(FPKM / FPKM.max().max() * 25), "as declared", unit="fpkm"),
    "an impossible logarithm": Case(table(CPM), "logarithms of expression are smaller", True, unit="log2tpm"),
    "standardised": Case(table(CPM.sub(CPM.mean(axis=1), axis=0)), "standardised", True),
    "negative": Case(table(changed(put(3, "P2", -4.0))), "is negative", True),
    "1e30": Case(table(changed(put(3, "P2", 1e30))), "1e+30", True),
    "infinite": Case(table(changed(put(3, "P2", np.inf))), "infinite", True),
    "a word": Case(lines(lambda t: [*t[:5], t[5].rpartition("\t")[0] + "\tmany", *t[6:]]), "many", True),
    "a hole": Case(table(changed(put(3, "P2", np.nan))), "were dropped"),
    "genes without values": Case(table(changed(lambda t: t.__setitem__(slice(3, 9), np.nan))), "not measured"),
    "holes everywhere": Case(table(CLEAN.astype(float).mask(RNG.random(CLEAN.shape) < 0.05)), "no value in some", True),
    "a total": Case(table(CLEAN.assign(Total=CLEAN.sum(axis=1))), "computed from the other samples: Total"),
    "a mean and an SD": Case(table(CPM.assign(Mean=CPM.mean(axis=1), SD=CPM.std(axis=1))), "Mean, SD"),
    "a constant sample": Case(table(CLEAN.assign(same=7)), "same value for every gene dropped: same"),
    "an empty sample": Case(table(CLEAN.assign(none=0)), "without any expression dropped: none"),
    "Entrez": Case(table(with_column("Entrez.Gene.ID", ENTREZ)), "Entrez.Gene.ID"),
    "unnamed identifiers": Case(table(with_column("V2", ENTREZ)), "V2 (whole numbers that all differ"),
    "lengths": Case(table(with_column("Gene length (bp)", RNG.integers(300, 9000, 600))), "Gene length"),
    "positions": Case(table(with_column("hg19", np.sort(ENTREZ))), "hg19 (its values only rise"),
    "GC content": Case(table(with_column("GC", RNG.uniform(0.3, 0.6, 600))), "GC"),
    "chromosomes": Case(table(with_column("chromosome", ["1", "2", "X"] * 200)), "chromosome"),
    "ages": Case(table(pd.concat([pd.DataFrame({"age": range(40, 48)}, CLEAN.columns), CLEAN.T], axis=1)), "age"),
    "no header": Case(table(CLEAN, header=False), "no header"),
    "GDC": Case(
        table(CLEAN.iloc[:, :3].set_axis(["unstranded", "tpm_unstranded", "x"], axis=1).drop(columns="x")),
        "one sample",
        True,
    ),
    "salmon": Case(
        table(CLEAN.iloc[:, :4].set_axis(["Length", "EffectiveLength", "TPM", "NumReads"], axis=1)), "one sample", True
    ),
    "two quantities": Case(
        table(CLEAN.set_axis([f"S{i // 2}_{q}" for i, q in enumerate(["TPM", "counts"] * 4)], axis=1)),
        "several quantities",
        True,
    ),
    "htseq's summary": Case(
        table(pd.concat([CLEAN, pd.DataFrame(9**8, ["__no_feature"], CLEAN.columns)])), "not genes"
    ),
    "Ensembl": Case(table(renamed(IDS)), "tables of gene names"),
    "versions": Case(table(renamed([f"{gene}.7" for gene in IDS])), "tables of gene names"),
    "identifier and symbol": Case(table(renamed([f"{i}.7_{g}" for i, g in zip(IDS, GENES, strict=True)])), "two ident"),
    "symbol and Entrez": Case(table(renamed([f"{g}|{n}" for g, n in zip(GENES, ENTREZ, strict=True)])), "two ident"),
    "a genome before": Case(table(renamed([f"GRCh38_{gene}" for gene in GENES])), "begin with a genome"),
    "R's points": Case(table(renamed([gene.replace("-", ".") for gene in GENES])), "for the . that R writes"),
    "a date": Case(table(renamed(["2-Sep", *GENES[1:]])), "2-Sep is SEPTIN2"),
    "mouse": Case(table(renamed([gene.title() for gene in GENES])), "mouse genes", True),
    "a gene twice": Case(
        table(
            pd.concat(
                [
                    changed(put(4, "P1", 0.0)),
                    changed(lambda t: t.__imul__(0)).iloc[[4]].assign(P1=float(CLEAN.iloc[4, 1])),
                ]
            )
        ),
        "summed",
    ),
    "samples twice": Case(table(CLEAN.set_axis(["a", "a", *"cdefgh"], axis=1)), "more than once", True),
    "fractions": Case(table(CPM / 1e6), "fractions", True),
    "h5ad": Case(h5ad(TURNED), suffix=".h5ad"),
    "h5ad without X": Case(h5ad(layers={"counts": TURNED}), "layers['counts']", suffix=".h5ad"),
    "h5ad scaled": Case(h5ad(TURNED - TURNED.mean(0), layers={"counts": TURNED}), "layers['counts']", suffix=".h5ad"),
    "h5ad with a mask": Case(h5ad(TURNED, layers={"seen": TURNED > 0}), suffix=".h5ad"),
    "h5ad spliced": Case(h5ad(np.floor(TURNED / 3), layers={"counts": TURNED}), "layers['counts']", suffix=".h5ad"),
    "h5ad float32 logarithms": Case(h5ad(np.log1p(CPM.T.to_numpy() / 100).astype("f4")), "ln(x + 1)", suffix=".h5ad"),
    "h5ad of a mask": Case(h5ad(TURNED > 0), "0 and 1", True, suffix=".h5ad"),
    "h5ad with holes": Case(h5ad(np.where(np.arange(600) == 3, np.nan, TURNED)), "not measured", suffix=".h5ad"),
    "no h5ad": Case(lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\nbroken"), "cannot be read", True, suffix=".h5ad"),
}
for _log, _function in LOGS.items():
    for _name, _frame in (("CPM", CPM), ("CP10k", CPM / 100), ("median", CPM / 1e6 * CLEAN.sum().median())):
        BULK[f"{_log} of {_name}"] = Case(table(_function(_frame).round(6)), f"{_log}(x + 1)")
    BULK[f"{_log} of counts"] = Case(table(_function(CLEAN)), "whole numbers")
    BULK[f"{_log} declared"] = Case(table(_function(FPKM)), "as declared", unit=f"{_log}fpkm")
    BULK[f"{_log} of one FPKM sample"] = Case(
        table(_function(FPKM.iloc[:, :1] * RNG.uniform(0.3, 3, (600, 1)))), "may be logarithms", True
    )


def cells(X: object = None, labels: object = None, raw: object = None, **parts: object) -> Callable[[Path], object]:
    """Return what writes single cells."""

    def write(path: Path) -> None:
        obs = REFERENCE.obs.assign(**({} if labels is None else {"cell_type": labels}))
        data = anndata.AnnData(X, obs=obs, var=pd.DataFrame(index=GENES), **parts)
        if raw is not None:
            data.raw = anndata.AnnData(raw, obs, data.var)
        data.write_h5ad(path)

    return write


SINGLE = REFERENCE.X.toarray()
CP10K = SINGLE / SINGLE.sum(1, keepdims=True) * 1e4
LABELS = REFERENCE.obs["cell_type"].astype(str).to_numpy()
BATCHES = ["batch_1" if donor < "donor3" else "NA" for donor in REFERENCE.obs["donor"]]
ODD = np.arange(len(LABELS)) % 2 == 1
AMBIENT = np.clip(SINGLE * RNG.uniform(0.3, 0.9, (len(SINGLE), 1)) - RNG.uniform(0, 0.3, SINGLE.shape), 0, 25)

CELLS: dict[str, Case] = {
    "counts": Case(cells(SINGLE), "holds counts"),
    "sparse columns": Case(cells(sparse.csc_matrix(SINGLE)), "holds counts"),
    "scanpy's logarithm": Case(cells(np.log1p(CP10K)), "ln(x + 1)"),
    "scanpy's logarithm, noted": Case(cells(np.log1p(CP10K), uns={"log1p": {"base": None}}), "ln(x + 1)"),
    "log2": Case(cells(np.log2(CP10K + 1)), "log2(x + 1)"),
    "CP10k": Case(cells(CP10K), "whole counts recovered"),
    "scaled beside raw": Case(cells(SINGLE - SINGLE.mean(0), raw=SINGLE), "raw.X holds counts"),
    "scaled": Case(cells(SINGLE - SINGLE.mean(0)), "scaled values", True),
    "ambient": Case(cells(AMBIENT), "corrected counts", True),
    "velocity": Case(
        cells(np.floor(SINGLE / 2), layers={"spliced": np.floor(SINGLE / 2), "counts": SINGLE}), "counts']"
    ),
    "seen or not": Case(cells(layers={"a": SINGLE > 0, "counts": SINGLE}), "counts']"),
    "only seen or not": Case(cells(SINGLE > 0), "zeros and ones", True),
    "half precision": Case(cells(SINGLE.astype(np.float16)), "holds counts"),
    "holes": Case(cells(np.where(SINGLE > 40, np.nan, SINGLE)), "missing or infinite", True),
    "blanks in labels": Case(cells(SINGLE, np.where(ODD, LABELS + " ", LABELS).astype(object)), "Blanks in labels"),
    "a fixed space": Case(cells(SINGLE, np.array([label.replace(" ", "\u00a0") for label in LABELS])), "Blanks"),
}
for _case in list(CELLS):
    CELLS[_case] = CELLS[_case]._replace(suffix=".h5ad")


MT = ["MT-CO1", "MT-CO2", "MT-ND1", "MT-ND4", "MT-CYB", "MT-ATP6"]
BARCODES = [f"{''.join(RNG.choice(list('ACGT'), 16))}-1" for _ in range(len(SINGLE))]
NUMBERED_GENES = [str(row) for row in range(600)]


def text(*parts: str, frame: pd.DataFrame = CLEAN, end: str = "", corner: str = "gene") -> Callable[[Path], object]:
    """Return what writes lines before and after a table."""
    return lambda path: path.write_text(
        "\n".join([*parts, frame.to_csv(sep="\t", index_label=corner).rstrip("\n"), *([end] if end else [])]) + "\n"
    )


def gct(version: str, of_genes: dict[str, list], of_samples: dict[str, list]) -> Callable[[Path], object]:
    """Return what writes GCT with descriptions of the genes and the samples."""
    frame = CLEAN.copy()
    for at, (name, values) in enumerate(of_genes.items()):
        frame.insert(at, name, values)
    sizes = [*CLEAN.shape, *([len(of_genes), len(of_samples)] if version == "1.3" else [])]
    rows = ["\t".join([name, *["na"] * len(of_genes), *map(str, values)]) for name, values in of_samples.items()]

    def write(path: Path) -> None:
        head, *body = frame.to_csv(sep="\t", index_label="id" if version == "1.3" else "Name").splitlines()
        path.write_text("\n".join([f"#{version}", "\t".join(map(str, sizes)), head, *rows, *body]) + "\n")

    return write


def market(prefix: str = "", genes: str = "features.tsv", turned: bool = False, folder: str = ".", **how: object):
    """Return what writes a folder as Cell Ranger or GEO has it: matrix, names of cells, names of genes."""
    types, values = how.get("types", ["Gene Expression"] * 600), how.get("values", SINGLE.T)
    named = how.get("symbols", GENES)
    rows = {
        genes: [
            f"{i}\t{g}\t{t}" if "feature" in genes else f"{i}\t{g}"
            for i, g, t in zip([*IDS, "AB1"], named, types, strict=False)
        ],
        how.get("cells", "barcodes.tsv"): list(REFERENCE.obs_names),
    }

    def write(path: Path) -> None:
        inside = path / folder
        inside.mkdir(parents=True)
        matrix = io.BytesIO()
        mmwrite(matrix, sparse.coo_matrix(values.T if turned else values).astype(int))
        files = {how.get("matrix", "matrix.mtx"): matrix.getvalue()}
        files |= {name: ("\n".join(lines) + "\n").encode() for name, lines in rows.items()}
        for name, content in files.items():
            (inside / (prefix + name + how.get("zip", ""))).write_bytes(
                gzip.compress(content) if "zip" in how else content
            )

    return write


def scaden(labels: list[str]) -> Callable[[Path], object]:
    """Return what writes the two files of Scaden."""

    def write(path: Path) -> None:
        REFERENCE.to_df().astype(int).reset_index(drop=True).to_csv(path, sep="\t")
        pd.DataFrame({"Celltype": labels}).to_csv(path.with_name("cells_celltypes.txt"), sep="\t", index=False)

    return write


def hdf5(**parts: object) -> Callable[[Path], object]:
    """Return what writes HDF5 of other programs: arrays, and groups where a part is a dict."""

    def put(group: h5py.Group, parts: dict) -> None:
        for name, part in parts.items():
            put(group.create_group(name), part) if isinstance(part, dict) else group.create_dataset(name, data=part)

    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            put(file, parts)

    return write


def old_layout(path: Path) -> None:
    """Write an h5ad as anndata before 0.8 did: categories apart from their codes, no versions of the parts."""
    cells(SINGLE)(path)
    with h5py.File(path, "a") as file:
        for name in ("encoding-type", "encoding-version"):
            del file.attrs[name]
        obs = file["obs"]
        for name in ("cell_type", "donor"):
            codes, categories = obs[name]["codes"][:], obs[name]["categories"][:]
            del obs[name]
            obs.create_dataset(f"__categories/{name}", data=categories)
            obs.create_dataset(name, data=codes).attrs["categories"] = obs[f"__categories/{name}"].ref
        for frame in (obs, file["var"]):
            frame.attrs["encoding-version"] = "0.1.0"


def with_antibodies(matrix: np.ndarray, obs: pd.DataFrame, column: str = "feature_types") -> Callable[[Path], object]:
    """Return what writes genes beside antibodies of the same names."""
    var = pd.DataFrame({column: ["Gene Expression"] * 600 + ["Antibody Capture"] * 5}, [*GENES, *GENES[:5]])
    both = np.hstack([matrix, 90 + RNG.poisson(900, (len(matrix), 5))]).astype(float)
    return lambda path: anndata.AnnData(both, obs, var).write_h5ad(path)


def numbered(matrix: np.ndarray, obs: pd.DataFrame, column: str) -> Callable[[Path], object]:
    """Return what writes genes that are numbered, with their names in a column."""
    var = pd.DataFrame({column: GENES, "sct.variable": [True] * 600}, NUMBERED_GENES)
    return lambda path: anndata.AnnData(matrix, obs, var).write_h5ad(path)


SAMPLES = pd.DataFrame(index=CLEAN.columns)
R_FILE = b"RDX3\nX\n\x00\x00\x00\x03" + b"\x00" * 40
GEO = ['!Series_title\t"Blood"', '!Sample_title\t"a"', "!series_matrix_table_begin"]
BULK |= {
    "GCT 1.2": Case(gct("1.2", {"Description": GENES}, {}), "is GCT", suffix=".gct"),
    "GCT 1.2 of Ensembl": Case(
        lambda path: (
            gct("1.2", {"Description": GENES}, {})(path)
            or path.write_text(path.read_text().replace("".join(f"\n{GENES[0]}\t"), f"\n{IDS[0]}.4\t"))
        ),
        "is GCT",
        suffix=".gct",
    ),
    "GCT 1.3": Case(
        gct("1.3", {"pr_gene_id": list(ENTREZ), "pr_gene_symbol": GENES}, {"age": range(8), "dose": ["x"] * 8}),
        "is GCT",
        suffix=".gct",
    ),
    "GCT cut off": Case(
        lambda path: gct("1.2", {"Description": GENES}, {})(path) or path.write_text(path.read_text()[:9000]),
        "says that it holds 600 genes",
        True,
        suffix=".gct",
    ),
    "series matrix": Case(text(*GEO, end="!series_matrix_table_end", corner='"ID_REF"'), "is a file of GEO"),
    "series matrix without values": Case(
        lambda path: path.write_text("\n".join([*GEO, '"ID_REF"\t"GSM1"', "!series_matrix_table_end"])),
        "without values",
        True,
    ),
    "SOFT of a series": Case(
        text("^DATABASE = Geo", "!platform_table_begin", "ID", "!platform_table_end", "!sample_table_begin"),
        "2 tables",
        True,
    ),
    "loom": Case(hdf5(matrix=SINGLE, row_attrs={}, col_attrs={}), "a loom file", True, suffix=".loom"),
    "loom named h5ad": Case(hdf5(matrix=SINGLE, row_attrs={}, col_attrs={}), "a loom file", True, suffix=".h5ad"),
    "h5Seurat": Case(hdf5(assays={}, **{"cell.names": [b"a"]}), "an h5Seurat file", True, suffix=".h5Seurat"),
    "h5mu": Case(hdf5(mod={"rna": {}}), "MuData", True, suffix=".h5mu"),
    "zarr": Case(lambda path: path.mkdir(), "a zarr store", True, suffix=".zarr"),
    "rds": Case(lambda path: path.write_bytes(R_FILE), "a file of R", True, suffix=".rds"),
    "rds named as text": Case(lambda path: path.write_bytes(R_FILE), "a file of R", True),
    "RData, gzip": Case(
        lambda path: path.write_bytes(__import__("gzip").compress(R_FILE)), "of R", True, suffix=".RData"
    ),
    "Excel": Case(lambda path: path.write_bytes(b"PK\x03\x04" + bytes(40)), "Excel", True, suffix=".xlsx"),
    "old Excel": Case(lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(40)), "Excel", True, suffix=".xls"),
    "parquet": Case(lambda path: path.write_bytes(b"PAR1" + bytes(40)), "parquet", True, suffix=".parquet"),
    "bzip2": Case(lambda path: path.write_bytes(b"BZh91AY&SY" + bytes(9)), "neither plain nor .gz", True),
    "FASTQ": Case(lambda path: path.write_text("@r1\nACGT\n+\nFFFF\n"), "a file of reads", True, suffix=".fastq"),
    "a folder": Case(lambda path: path.mkdir(), "without a matrix.mtx", True, suffix=""),
    "h5ad with antibodies": Case(with_antibodies(TURNED, SAMPLES), "5 of Antibody Capture", suffix=".h5ad"),
    "h5ad with numbered genes": Case(numbered(TURNED, SAMPLES, "features"), "'features'", suffix=".h5ad"),
    "h5ad of numbered genes": Case(
        lambda path: anndata.AnnData(TURNED, SAMPLES, pd.DataFrame(index=NUMBERED_GENES)).write_h5ad(path),
        "no column of var names them",
        True,
        suffix=".h5ad",
    ),
    "h5ad float16": Case(h5ad(np.floor(TURNED / 16).astype(np.float16)), suffix=".h5ad"),
    "h5ad sparse columns": Case(h5ad(sparse.csc_matrix(TURNED)), suffix=".h5ad"),
    "h5ad genes in rows": Case(
        lambda path: anndata.AnnData(TURNED.T, pd.DataFrame(index=GENES), SAMPLES).write_h5ad(path),
        "transposed",
        suffix=".h5ad",
    ),
}
CELLS |= {
    "old categories": Case(old_layout, "holds counts", suffix=".h5ad"),
    "antibodies": Case(with_antibodies(SINGLE, REFERENCE.obs), "5 of Antibody Capture", suffix=".h5ad"),
    "antibodies, muon": Case(with_antibodies(SINGLE, REFERENCE.obs, "modality"), "5 of Antibody", suffix=".h5ad"),
    "numbered genes": Case(numbered(SINGLE, REFERENCE.obs, "features"), "'features'", suffix=".h5ad"),
    "bool": Case(cells(SINGLE.astype(bool)), "zeros and ones", True, suffix=".h5ad"),
    "integers": Case(cells(SINGLE.astype(np.int64)), "holds counts", suffix=".h5ad"),
    "CIBERSORTx": Case(
        lambda path: pd.DataFrame(SINGLE.T.astype(int), GENES, LABELS).to_csv(path, sep="\t", index_label="GeneSymbol"),
        "as CIBERSORTx does",
        suffix=".txt",
        donor="none",
    ),
    "CIBERSORTx through R": Case(
        lambda path: pd.DataFrame(
            SINGLE.T.astype(int),
            GENES,
            [f"{t}.{n}" if n else t for t, n in zip(LABELS, pd.Series(LABELS).groupby(LABELS).cumcount(), strict=True)],
        ).to_csv(path, sep="\t", index_label="GeneSymbol"),
        "as CIBERSORTx does",
        suffix=".txt",
        donor="none",
    ),
    "Scaden": Case(scaden(list(LABELS)), "cells_celltypes.txt", suffix="_counts.txt", donor="none"),
    "Scaden, a label too few": Case(scaden(list(LABELS[1:])), "359 labels", True, suffix="_counts.txt", donor="none"),
    "loom": Case(hdf5(matrix=SINGLE, row_attrs={}, col_attrs={}), "a loom file", True, suffix=".loom"),
    "h5Seurat": Case(hdf5(assays={}, **{"cell.names": [b"a"]}), "an h5Seurat file", True, suffix=".h5seurat"),
    "h5mu": Case(hdf5(mod={"rna": {}}), "MuData", True, suffix=".h5mu"),
    "zarr": Case(lambda path: path.mkdir(), "a zarr store", True, suffix=".zarr"),
    "rds": Case(lambda path: path.write_bytes(R_FILE), "a file of R", True, suffix=".rds"),
}

WITH_MT = pd.concat([CLEAN, pd.DataFrame(np.arange(6 * 8).reshape(6, 8) + 20, MT, CLEAN.columns)])
CUFFDIFF = pd.concat(
    [CPM.add_suffix("_FPKM"), (CPM * 0.9).add_suffix("_conf_lo"), (CPM * 1.1).add_suffix("_conf_hi")], axis=1
)
SPARSE = pd.DataFrame(RNG.poisson(0.1, (3000, 60)), [f"G{row}" for row in range(3000)], [f"c{n}" for n in range(60)])
BULK |= {
    "numbered rows, names in a column": Case(table(CLEAN.reset_index(names="Gene.Symbol"), corner=""), "'Gene.Symbol'"),
    "numbered rows from 1": Case(
        table(CLEAN.reset_index(names="X").set_axis(range(1, 601)), corner="", quoting=2), "the column 'X'"
    ),
    "samples in rows, numbered": Case(table(CLEAN.T.reset_index(names="sample"), corner=""), "the column 'sample'"),
    "mitochondrial genes": Case(table(WITH_MT), "mitochondrial"),
    "a poor library": Case(
        table(pd.concat([CLEAN, pd.DataFrame(CLEAN.sum().max() * 2, MT, CLEAN.columns)])), "Poor libraries"
    ),
    "counts beside TPM": Case(
        table(pd.concat([CLEAN.iloc[:, :4], CPM.iloc[:, 4:]], axis=1)), "hold whole numbers", True
    ),
    "cuffdiff": Case(table(CUFFDIFF), "several quantities", True),
    "cells named by barcodes": Case(
        table(pd.concat([CLEAN] * 2, axis=1).set_axis(BARCODES[:16], axis=1)), "named by barcodes", True
    ),
    "cells without most genes": Case(table(SPARSE), "may hold single cells", True),
}
#: Folders as 10x and GEO have them; the labels of the cells are in a table.
FOLDERS: dict[str, Case] = {
    "Cell Ranger 3": Case(market(zip=".gz")),
    "Cell Ranger 2": Case(market(genes="genes.tsv", folder="filtered_gene_bc_matrices/GRCh38")),
    "outs": Case(market(zip=".gz", folder="outs/filtered_feature_bc_matrix")),
    "GEO's names": Case(market(prefix="GSM123_donor1_", zip=".gz")),
    "GEO's names, genes.tsv.gz": Case(market(prefix="GSM123_donor1.", genes="genes.tsv", zip=".gz")),
    "unzipped": Case(market(prefix="GSM123_")),
    "kallisto": Case(
        market(
            turned=True, matrix="cells_x_genes.mtx", genes="cells_x_genes.genes.txt", cells="cells_x_genes.barcodes.txt"
        )
    ),
    "antibodies": Case(
        market(
            types=["Gene Expression"] * 600 + ["Antibody Capture"],
            values=np.vstack([SINGLE.T, np.full(len(SINGLE), 999)]),
            symbols=[*GENES, GENES[0]],
        ),
        "1 of Antibody Capture",
    ),
    "several samples": Case(
        lambda path: market(prefix="GSM1_")(path / "a") or market(prefix="GSM2_")(path / "b"), "holds 2 matrices", True
    ),
    "no barcodes": Case(lambda path: market()(path) or (path / "barcodes.tsv").unlink(), "names of the cells", True),
    "other barcodes": Case(
        lambda path: market()(path) or (path / "barcodes.tsv").write_text("a\nb\n"), "but barcodes.tsv holds 2", True
    ),
    "a cut matrix": Case(
        lambda path: market()(path) or (path / "matrix.mtx").write_text((path / "matrix.mtx").read_text()[:9000]),
        "holds fewer",
        True,
    ),
    "an empty folder": Case(lambda path: path.mkdir(), "without a matrix.mtx", True),
}


class Set(NamedTuple):
    """Inputs of a reference: `write` takes a folder and returns the arguments of prepare_reference that differ."""

    write: Callable[[Path], dict[str, object]]
    words: str = ""
    refused: bool = False


def file(path: Path, rows: object = slice(None), names: list[str] = GENES, genes: object = slice(None), **obs) -> Path:
    """Write some cells and genes as an h5ad, with annotations added or changed."""
    frame = REFERENCE.obs.assign(**obs)[rows]
    var = pd.DataFrame(index=np.array(names)[genes])
    anndata.AnnData(SINGLE[rows][:, genes], obs=frame, var=var).write_h5ad(path)
    return path


def one(**obs: object) -> Callable[[Path], dict[str, object]]:
    """Return what writes one file with annotations added or changed."""
    return lambda folder: {"paths": [file(folder / "a.h5ad", **obs)]}


def two(second: object = slice(None), names: list[str] = GENES, **obs: object) -> Callable[[Path], dict[str, object]]:
    """Return what writes the cells into two files, the second with other genes or gene names."""
    return lambda folder: {
        "paths": [file(folder / "a.h5ad", ~ODD), file(folder / "b.h5ad", ODD, names, second, **obs)],
    }


def sheet(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], dict[str, object]]:
    """Return what writes the cells and a table of their labels, changed."""

    def write(folder: Path) -> dict[str, object]:
        change(REFERENCE.obs[["cell_type", "donor"]].astype(str)).to_csv(folder / "l.tsv", sep="\t", index_label="cell")
        return {"paths": [file(folder / "a.h5ad")], "cells": folder / "l.tsv"}

    return write


def mapped(**label_map: str) -> Callable[[Path], dict[str, object]]:
    """Return what writes one file and gives a label map."""
    return lambda folder: {**one()(folder), "label_map": label_map}


NUMBERED = pd.Series(np.unique(LABELS, return_inverse=True)[1].astype(float), REFERENCE.obs_names)
REFERENCES: dict[str, Set] = {
    "one file": Set(one()),
    "two files": Set(two(), "600 genes in common"),
    "a file of Ensembl identifiers": Set(two(names=[f"{gene}.3" for gene in IDS]), "became symbols"),
    "a file with a genome before": Set(two(names=[f"GRCh38_{gene}" for gene in GENES]), "begin with a genome"),
    "a file of a panel": Set(two(slice(40)), "is a panel", True),
    "a file of a mouse": Set(two(names=[gene.title() for gene in GENES]), "mouse genes", True),
    "a file of Entrez numbers": Set(two(names=list(ENTREZ.astype(str))), "identifiers", True),
    "a file with other types": Set(two(cell_type=[f"{label} II" for label in LABELS]), "12 types"),
    "donors of the same name": Set(two(), "are kept apart ('a:"),
    "batches as types": Set(lambda f: {**one(batch=BATCHES)(f), "cell_type_key": "batch"}, "does not hold cell", True),
    "persons as types": Set(lambda f: {**one()(f), "cell_type_key": "donor"}, "does not hold cell types", True),
    "barcodes as types": Set(one(cell_type=list(REFERENCE.obs_names)), "does not hold cell types", True),
    "no such column": Set(lambda f: {**one()(f), "cell_type_key": "celltype"}, "no column 'celltype'", True),
    "donors not named": Set(lambda f: {**one()(f), "donor_key": None}, "donor (4 values)"),
    "donors denied": Set(lambda f: {**one()(f), "donor_key": "none"}, "may hold donors: donor (4 values)"),
    "unknown cells": Set(one(cell_type=np.where(ODD, "Unknown", LABELS)), "'Unknown' (180 cells) may be no cell type"),
    "doublets": Set(one(cell_type=np.where(ODD, "Doublet", LABELS)), "'Doublet' (180 cells) may be no cell type"),
    "NA as text": Set(one(cell_type=np.where(ODD, "NA", LABELS)), "'NA' (180 cells) may be no cell type"),
    "upper and lower case": Set(
        one(cell_type=np.where(ODD, [label.upper() for label in LABELS], LABELS)), "differ only in how"
    ),
    "numbers of clusters": Set(one(cell_type=NUMBERED.where(~ODD, np.nan)), "4 donors: 0 32, 2 32"),
    "a map of other labels": Set(mapped(Bcells="B", Tcells="T"), "names none of the cell types", True),
    "a map of one label": Set(mapped(**{"B cell": "B"}), "kept unchanged"),
    "a table of labels": Set(sheet(lambda table: table[::-1])),
    "a line twice": Set(sheet(lambda table: pd.concat([table, table[:9]]))),
    "two labels for a cell": Set(
        sheet(lambda table: pd.concat([table, table[:9].assign(cell_type="NK")])), "two values of", True
    ),
    "labels of few cells": Set(sheet(lambda table: table[:9]), "names 9 of 360 of the cells", True),
    "labels of other cells": Set(sheet(lambda table: table.rename("x{}".format)), "names none of the cells", True),
    "a table for two files that share names": Set(
        lambda f: {"paths": [file(f / "a.h5ad"), file(f / "b.h5ad")], "cells": sheet(lambda t: t)(f)["cells"]},
        "occur more than once",
        True,
    ),
}


class Names(NamedTuple):
    """How bulk and reference name the genes of :data:`NAMED`, what must be said, whether it is refused, the options."""

    bulk: list[str]
    reference: list[str]
    words: str = ""
    refused: bool = False
    options: Mapping[str, object] = MappingProxyType({})


_HUMAN = gene_tables.approved("human")
_MOUSE, _RAT = (gene_tables.orthologs("human", of) for of in ("mouse", "rat"))
_NUMBER = {symbol: number for number, symbol in gene_tables.entrez("human").items()}
_TRANSCRIPT = {symbol: accession for accession, symbol in gene_tables.refseq("human").items()}
#: Present symbols and an earlier one of each.
OLD = {
    "CCN2": "CTGF",
    "CCN1": "CYR61",
    "AARS1": "AARS",
    "SEPTIN2": "SEPT2",
    "SEPTIN7": "SEPT7",
    "MARCHF8": "MARCH8",
    "H2AZ1": "H2AFZ",
    "JCHAIN": "IGJ",
    "TENT5C": "FAM46C",
    "STING1": "TMEM173",
    "HLA-DRA": "HLA-DRA",
    "NKX2-6": "NKX2-6",
}
NAMED = [
    *OLD,
    *(
        gene
        for gene in sorted(SYMBOLS)
        if gene in _HUMAN and gene not in OLD and all(gene in known for known in (_MOUSE, _RAT, _NUMBER, _TRANSCRIPT))
    ),
][:600]
NAMED_IDS, EARLIER = [SYMBOLS[gene] for gene in NAMED], [OLD.get(gene, gene) for gene in NAMED]
NUMBERS, ACCESSIONS = [_NUMBER[gene] for gene in NAMED], [_TRANSCRIPT[gene] for gene in NAMED]
MICE, RATS = [_MOUSE[gene] for gene in NAMED], [_RAT[gene] for gene in NAMED]


def dated(**dates: str) -> list[str]:
    """Return the names with some genes as a spreadsheet writes them."""
    return [dates.get(gene, gene) for gene in NAMED]


def numbered_as(kind: str, of: str, names: list[str]) -> list[str]:
    """Return the identifiers of genes of a species, and the names of those that have none."""
    known = {symbol: number for number, symbol in getattr(gene_tables, kind)(of).items()}
    return [known.get(name, name) for name in names]


IDENTIFIERS: dict[str, Names] = {
    "symbols": Names(NAMED, NAMED, "600 as they are"),
    "RefSeq": Names(ACCESSIONS, NAMED, "tables of gene names"),
    "Entrez as decimals": Names([f"{name}.0" for name in NUMBERS], NAMED, "whole numbers with decimals"),
    "GeneID:": Names([f"GeneID:{name}" for name in NUMBERS], NAMED, "begin with a prefix"),
    "Entrez of the mouse": Names(numbered_as("entrez", "mouse", MICE), MICE, "tables of gene names"),
    "Entrez of the rat": Names(numbered_as("entrez", "rat", RATS), RATS, "tables of gene names"),
    "RefSeq of the mouse": Names(numbered_as("refseq", "mouse", MICE), MICE, "tables of gene names"),
    "Entrez of the mouse on human": Names(
        numbered_as("entrez", "mouse", MICE), NAMED, "holds mouse genes", refused=True
    ),
    "RefSeq with versions": Names([f"{name}.3" for name in ACCESSIONS], NAMED, "tables of gene names"),
    "Entrez": Names(NUMBERS, NAMED, "tables of gene names"),
    "Entrez through R": Names([f"X{name}" for name in NUMBERS], NAMED, "X that R writes"),
    "Ensembl": Names(NAMED_IDS, NAMED, "tables of gene names"),
    "Ensembl with versions": Names([f"{name}.12" for name in NAMED_IDS], NAMED, "tables of gene names"),
    "PAR": Names([f"{name}.12_PAR_Y" for name in NAMED_IDS], NAMED, "tables of gene names"),
    "PAR of old files": Names(
        [f"ENSGR{name[5:]}.2" if name[4] == "0" else name for name in NAMED_IDS], NAMED, "tables"
    ),
    "ENSG_SYMBOL": Names([f"{i}_{g}" for i, g in zip(NAMED_IDS, NAMED, strict=True)], NAMED, "two identifiers"),
    "ENSG|SYMBOL": Names([f"{i}.1|{g}" for i, g in zip(NAMED_IDS, NAMED, strict=True)], NAMED, "two identifiers"),
    "SYMBOL (ENSG)": Names([f"{g} ({i})" for i, g in zip(NAMED_IDS, NAMED, strict=True)], NAMED, "two identifiers"),
    "SYMBOL|Entrez": Names([f"{g}|{n}" for g, n in zip(NAMED, NUMBERS, strict=True)], NAMED, "two identifiers"),
    "SYMBOL (Entrez)": Names([f"{g} ({n})" for g, n in zip(NAMED, NUMBERS, strict=True)], NAMED, "two identifiers"),
    "old SYMBOL|Entrez": Names([f"{g}|{n}" for g, n in zip(EARLIER, NUMBERS, strict=True)], NAMED, "CTGF is CCN2"),
    "half Ensembl": Names([*NAMED_IDS[:300], *NAMED[300:]], NAMED, "300 through the tables"),
    "GRCh38_": Names([f"GRCh38_{gene}" for gene in NAMED], NAMED, "begin with a genome"),
    "hg19___": Names([f"hg19___{gene}" for gene in NAMED], NAMED, "begin with a genome"),
    "mm10_": Names([f"mm10_{gene}" for gene in MICE], MICE, "begin with a genome"),
    "gene-": Names([f"gene-{gene}" for gene in NAMED], NAMED, "begin with a prefix"),
    "blanks around": Names([f" {gene} " for gene in NAMED], NAMED),
    "R's points": Names([gene.replace("-", ".") for gene in NAMED], NAMED, "HLA.DRA is HLA-DRA"),
    "underscores": Names([gene.replace("-", "_") for gene in NAMED], NAMED, "NKX2_6 is NKX2-6"),
    "September": Names(dated(SEPTIN2="2-Sep", SEPTIN7="7-Sep"), NAMED, "2-Sep is SEPTIN2"),
    "September, year first": Names(dated(SEPTIN2="2023-09-02"), NAMED, "2023-09-02 is SEPTIN2"),
    "September, old reference": Names(dated(SEPTIN2="Sep-02"), EARLIER, "SEPTIN2 is SEPT2"),
    "March": Names(dated(MARCHF8="8-Mar"), NAMED, "8-Mar is MARCHF8"),
    "1 March": Names([*NAMED[:-1], "1-Mar"], NAMED, "1-Mar can be MARCHF1 or MTARC1"),
    "old symbols": Names(EARLIER, NAMED, "CTGF is CCN2"),
    "old symbols in the reference": Names(NAMED, EARLIER, "CCN2 is CTGF"),
    "Ensembl, old symbols in the reference": Names(NAMED_IDS, EARLIER, "is CTGF"),
    "symbols, Ensembl in the reference": Names(NAMED, NAMED_IDS, "tables of gene names"),
    "old symbols, Ensembl in the reference": Names(EARLIER, NAMED_IDS, "CTGF is ENSG00000118523"),
    "RefSeq, Ensembl in the reference": Names(ACCESSIONS, NAMED_IDS, "tables of gene names"),
    "symbols, RefSeq in the reference": Names(NAMED, ACCESSIONS, "tables of gene names"),
    "mouse": Names(MICE, MICE, "species, from the names: mouse"),
    "rat": Names(RATS, RATS, "species, from the names: rat"),
    "mouse on human": Names(MICE, NAMED, "holds mouse genes", refused=True),
    "rat on human": Names(RATS, NAMED, "holds rat genes", refused=True),
    "rat on mouse": Names(RATS, MICE, "holds rat genes", refused=True),
    "human on mouse": Names(NAMED, MICE, "holds human genes", refused=True),
    "mouse orthologs": Names(MICE, NAMED, "one-to-one human orthologs", options={"orthologs": True}),
    "rat orthologs": Names(RATS, NAMED, "one-to-one human orthologs", options={"orthologs": True}),
    "rat orthologs on mouse": Names(RATS, MICE, "one-to-one mouse orthologs", options={"orthologs": True}),
    "human orthologs": Names(NAMED, MICE, "one-to-one mouse orthologs", options={"orthologs": True}),
    "orthologs of the same species": Names(NAMED, NAMED, "600 as they are", options={"orthologs": True}),
    "row numbers": Names([str(row) for row in range(1, 601)], NAMED, "in common", refused=True),
    "probes": Names([f"{row}_at" for row in range(600)], NAMED, "in common", refused=True),
    "probes, with a table": Names(
        [f"{row}_at" for row in range(600)],
        NAMED,
        "600 of 600 gene names were replaced",
        options={"gene_map": {f"{row}_at": gene for row, gene in enumerate(NAMED)}},
    ),
    "mouse Entrez": Names([str(90_000_000 + 7 * row) for row in range(600)], MICE, "in common", refused=True),
    "a table of other names": Names(NAMED, NAMED, "none of the names", refused=True, options={"gene_map": {"x": "y"}}),
}

#: What programs and portals write, as users paste it.
_NUMBERS = [_NUMBER.get(gene, str(9_000_000 + row)) for row, gene in enumerate(GENES)]
_LOG2 = np.log2(CPM + 1)
_EVENED = np.sort(CPM.to_numpy(), axis=0).mean(1)[CPM.rank(method="first").to_numpy().astype(int) - 1]
_DISPERSED = CLEAN / CLEAN.sum() * CLEAN.sum().median()
_MOUSE_HALF = CLEAN[::-1].set_axis([f"ENSMUSG{row:011d}" for row in range(600)])


def described(names: list[str], **columns: object) -> pd.DataFrame:
    """Return the clean bulk with columns before the samples, and other names."""
    frame = CLEAN.set_axis(names)
    for at, (name, values) in enumerate(columns.items()):
        frame.insert(at, name, values)
    return frame


def written(make: Callable[[], str], encoding: str = "utf-8") -> Callable[[Path], object]:
    """Return what writes a text."""
    return lambda path: path.write_text(make(), encoding=encoding)


def tsv(frame: pd.DataFrame, corner: str = "gene", **how: object) -> str:
    """Return a frame as text."""
    return frame.to_csv(sep="\t", index_label=corner, **how)


def zipped(path: Path) -> None:
    """Write a table into an archive."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bulk.tsv", tsv(CLEAN))


BULK |= {
    "vst": Case(
        table(np.log2((4 + 0.1 * _DISPERSED + 2 * np.sqrt(0.05 * _DISPERSED * (4 + 0.05 * _DISPERSED))) / 0.2)),
        "logarithms, log2(x",
    ),
    "quantile-normalised logarithms": Case(
        table(np.log2(pd.DataFrame(_EVENED, GENES, CLEAN.columns) * 0.37 + 1)), "may be logarithms", True
    ),
    "batch-corrected logarithms": Case(table(_LOG2 + RNG.normal(0, 0.4, _LOG2.shape)), "may be logarithms", True),
    "z-scores of samples": Case(table((_LOG2 - _LOG2.mean()) / _LOG2.std()), "standardised", True),
    "logarithms scaled to a million": Case(table(_LOG2 / _LOG2.sum() * 1e6), "less than 10 times the median", True),
    "ln(x), zeros missing": Case(table(np.log(CPM.mask(CPM == 0))), "logarithms, ln(x)"),
    "Firehose": Case(
        lines(lambda t: [t[0], "Hybridization REF" + "\traw_count" * 8, *t[1:]]), "line 2 holds words alone"
    ),
    "three headers": Case(
        lines(lambda t: [t[0], "group" + "\ta\tb" * 4, "sex" + "\tF\tM" * 4, *t[1:]]), "lines 2 to 3 hold words"
    ),
    "UTF-16": Case(written(lambda: tsv(CLEAN), "utf-16"), "UTF-16"),
    "UTF-16 without its mark": Case(written(lambda: tsv(CLEAN), "utf-16-le"), "binary file", True),
    "BOM, semicolons, decimal commas": Case(
        written(lambda: CPM.round(3).to_csv(sep=";", decimal=",", index_label="gene"), "utf-8-sig"), "decimal commas"
    ),
    "cp1252": Case(written(lambda: tsv(CLEAN.add_prefix("Prob\u00e9 ")), "cp1252"), "cp1252"),
    "featureCounts": Case(
        written(
            lambda: (
                "# Program:featureCounts v2.0.1\n"
                + tsv(
                    described(
                        GENES,
                        Chr="chr1;chr1",
                        Start="100;300",
                        End="200;400",
                        Strand="+;+",
                        Length=RNG.integers(300, 9000, 600),
                    ).rename(columns="/data/{}.bam".format),
                    "Geneid",
                )
            )
        )
    ),
    "STAR joined": Case(
        table(
            pd.concat(
                [pd.DataFrame(9**7, ["N_unmapped", "N_multimapping", "N_noFeature"], CLEAN.columns), CLEAN],
            )
        ),
        "not genes",
    ),
    "nf-core/rnaseq": Case(table(described(IDS, gene_name=GENES), corner="gene_id"), "tables of gene names"),
    "tximport": Case(table(CPM, ",", "", quoting=2), "about a million"),
    "tximport's list": Case(
        table(pd.concat([CPM.add_prefix("abundance."), CLEAN.add_prefix("counts.")], axis=1)),
        "several quantities",
        True,
    ),
    "recount3": Case(
        written(lambda: "##annotation=G026\n" + tsv((CLEAN * 101).set_axis([f"{i}.10" for i in IDS]), "gene_id")),
        "tables of gene names",
    ),
    "GDC, one sample": Case(
        written(
            lambda: (
                "# gene-model: GENCODE v36\n"
                + tsv(
                    CLEAN.iloc[:, :4]
                    .set_axis(["unstranded", "stranded_first", "stranded_second", "tpm_unstranded"], axis=1)
                    .assign(gene_name=GENES),
                    "gene_id",
                )
            )
        ),
        "quantification of one sample",
        True,
    ),
    "Xena": Case(table(np.log2(renamed([f"{i}.9" for i in IDS]) + 1), corner="Ensembl_ID"), "whole numbers"),
    "Toil": Case(table(np.log2(CPM.set_axis(IDS) + 0.001).round(4), corner="sample"), "log2(x + 0.001)"),
    "cBioPortal": Case(
        table(described(GENES, Entrez_Gene_Id=[str(n) if n % 7 else "" for n in ENTREZ]), corner="Hugo_Symbol"),
        "Entrez_Gene_Id",
    ),
    "DepMap": Case(
        table(_LOG2.set_axis([f"{g} ({n})" for g, n in zip(GENES, ENTREZ, strict=True)]).T, ",", ""), "two identifiers"
    ),
    "Firehose's genes": Case(
        table(
            renamed([f"{g}|{n}" for g, n in zip(GENES[:595], ENTREZ[:595], strict=True)] + [f"?|{n}" for n in range(5)])
        ),
        "two identifiers",
    ),
    "ARCHS4": Case(hdf5(data={"expression": TURNED}, meta={"genes": {}}), "ARCHS4", True, suffix=".h5"),
    "other HDF5": Case(hdf5(expression=TURNED), "no AnnData (it holds expression)", True, suffix=".h5"),
    "rows twice": Case(table(pd.concat([CLEAN, CLEAN[:300]])), "300 rows that repeat another row"),
    "lower case": Case(table(renamed([gene.lower() for gene in GENES])), "in common", True),
    "two species": Case(table(pd.concat([renamed(IDS), _MOUSE_HALF])), "2 species (human 600, mouse 600)"),
    "metadata in columns": Case(
        table(CLEAN.T.assign(group="a", sex="F", RIN=7.5, age=range(40, 48)), corner="sample"),
        "RIN, age",
    ),
    "one sample": Case(table(CLEAN[["P0"]])),
    "one gene": Case(table(CLEAN.iloc[:1]), "in common", True),
    "samples named by numbers": Case(table(CLEAN.set_axis(range(1, 9), axis=1))),
    "samples named by numbers, no corner": Case(table(CLEAN.set_axis(range(1, 9), axis=1), corner="")),
    "samples named by years, R's header": Case(
        lines(lambda t: [t[0].partition("\t")[2], *t[1:]], CLEAN.set_axis(range(2015, 2023), axis=1))
    ),
    "samples in rows, named by numbers": Case(table(CLEAN.T.set_axis(range(1, 9)), corner="sample"), "samples in rows"),
    "gzip named tsv": Case(lambda path: path.write_bytes(gzip.compress(tsv(CLEAN).encode()))),
    "zip": Case(zipped, "neither plain nor .gz", True, suffix=".zip"),
    "zip named tsv": Case(zipped, "Excel workbook", True),
    "scientific notation": Case(table(CLEAN.astype(float), float_format="%.8e")),
    "blanks between": Case(table(CLEAN, " ", quoting=2)),
    "bars between": Case(table(CLEAN, "|"), "one column only", True),
    "a header of commas over tabs": Case(lines(lambda t: [t[0].replace("\t", ","), *t[1:]]), "the header has 1", True),
    "a footer": Case(lines(lambda t: [*t, "Total genes: 600"]), "row 602", True),
    "dashes for zeros": Case(table(CLEAN.astype(object).mask(CLEAN == 0, "-")), "'-' in row", True),
    "below a limit": Case(table(CPM.astype(object).mask(CPM < 5, "<5")), "'<5' in row", True),
    "Excel's error": Case(lines(lambda t: [*t[:5], t[5].rpartition("\t")[0] + "\t#DIV/0!", *t[6:]]), "#DIV/0!", True),
    "no-break spaces": Case(table(renamed([f"{gene}\u00a0" for gene in GENES]))),
    "apostrophes": Case(table(renamed([f"'{gene}" for gene in GENES])), "begin with a prefix"),
    "GeneID:": Case(table(renamed([f"GeneID:{number}" for number in _NUMBERS])), "begin with a prefix"),
    "Entrez as decimals": Case(table(renamed([f"{number}.0" for number in _NUMBERS])), "whole numbers with decimals"),
    "results beside counts": Case(
        table(CLEAN.assign(log2FoldChange=RNG.normal(0, 1, 600), padj=RNG.uniform(0, 1, 600))), "log2FoldChange, padj"
    ),
    "results of DESeq2": Case(
        table(CLEAN.iloc[:, :4].set_axis(["baseMean", "log2FoldChange", "stat", "padj"], axis=1)), "no column", True
    ),
    "correlations": Case(table(CLEAN.corr()), "fractions or scaled values", True),
    "a page of the web": Case(written(lambda: "<!DOCTYPE html>\n<html>404</html>\n"), "a page of the web", True),
    "JSON": Case(written(CLEAN.to_json), "is JSON", True),
    "Git LFS": Case(written(lambda: "version https://git-lfs.github.com/spec/v1\noid a\nsize 9\n"), "Git LFS", True),
    "PDF": Case(lambda path: path.write_bytes(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj"), "a PDF", True),
}


def levels(place: str, rows: object = slice(None), shift: int = 0) -> Callable[[Path], dict[str, object]]:
    """Return what writes cell types as codes, as Seurat's files have them, and their names at a place of the file."""

    def write(folder: Path) -> dict[str, object]:
        path = file(folder / "a.h5ad", rows, cell_type=NUMBERED.astype(int).to_numpy() + shift)
        with h5py.File(path, "a") as data:
            data.create_dataset(place, data=[name.encode() for name in np.unique(LABELS)])
        return {"paths": [path]}

    return write


def cell_ranger(**without: bool) -> Callable[[Path], object]:
    """Return what writes the .h5 of Cell Ranger 3, with or without a part."""
    counts = sparse.csr_matrix(SINGLE.astype(np.int32))
    features = {
        "id": [one.encode() for one in IDS],
        "name": [one.encode() for one in GENES],
        "feature_type": [b"Gene Expression"] * 600,
        "genome": [b"GRCh38"] * 600,
    }
    parts = {name: getattr(counts, name) for name in ("data", "indices", "indptr")}
    parts |= {"shape": np.array(counts.shape[::-1]), "barcodes": [one.encode() for one in REFERENCE.obs_names]}
    kept = {name: part for name, part in parts.items() if name not in without}
    return hdf5(matrix={**kept, "features": {n: part for n, part in features.items() if n not in without}})


FOLDERS |= {
    "Cell Ranger's h5": Case(cell_ranger()),
    "Cell Ranger's h5 without names": Case(cell_ranger(name=True), "cannot be read as 10x output", True),
    "Cell Ranger's h5 without counts": Case(cell_ranger(data=True), "cannot be read as 10x output", True),
}
REFERENCES |= {
    "codes, with levels in uns": Set(levels("uns/cell_type_levels"), "holds codes; the file names them: 0 is B cell"),
    "codes, with old categories": Set(levels("obs/__categories/cell_type"), "0 is B cell"),
    "codes from 1": Set(levels("uns/cell_type_levels", shift=1), "1 is B cell"),
    "codes that may begin at 0 or 1": Set(
        levels("uns/cell_type_levels", NUMBERED.to_numpy() > 0), "does not say which number is which"
    ),
    "codes beside their names": Set(
        one(cell_type=NUMBERED.astype(int).to_numpy(), celltype_name=LABELS), "may name them: 'celltype_name'"
    ),
    "clusters": Set(one(cell_type=NUMBERED.astype(int).to_numpy()), "holds only numbers (0, 1, 2, 3, 4, ...)"),
    "a slash in the name of a column": Set(one(**{"cell type/fine": LABELS})),
    "types in a column with a slash": Set(
        lambda f: {**one(**{"type/fine": LABELS})(f), "cell_type_key": "type/fine"}, "holds counts"
    ),
}


def parts(X: pd.DataFrame, raw: pd.DataFrame | None = None, **layers: pd.DataFrame) -> Callable[[Path], object]:
    """Return what writes an h5ad of bulk (genes x samples) whose raw may hold other genes than X and its layers."""

    def write(path: Path) -> None:
        data = anndata.AnnData(X.T.to_numpy(float), pd.DataFrame(index=X.columns), pd.DataFrame(index=X.index))
        data.layers.update({name: layer.T.to_numpy(float) for name, layer in layers.items()})
        if raw is not None:
            data.raw = anndata.AnnData(raw.T.to_numpy(float), data.obs, pd.DataFrame(index=raw.index))
        data.write_h5ad(path)

    return write


def selected(path: Path) -> None:
    """Write cells as many tutorials leave them: X and counts of the most variable genes, logarithms of all in raw."""
    data = anndata.AnnData(np.log1p(CP10K), REFERENCE.obs, pd.DataFrame(index=GENES))
    data.raw = data.copy()
    data = data[:, 100:300].copy()
    data.layers["counts"] = SINGLE[:, 100:300]
    data.write_h5ad(path)


#: Rows of no genes, more than all genes have.
_NO_GENES = pd.DataFrame(
    90_000, [f"ERCC-{row:05d}" for row in range(2, 90)] + ["no_feature", "Unassigned_Ambiguity", "Total"], CLEAN.columns
)
_LENGTHS = pd.DataFrame(RNG.uniform(300, 9000, CLEAN.shape), GENES, CLEAN.columns)
_GENCODE = [
    f"ENST{row:011d}.2|{i}.3|OTTHUMG1.1|-|{g}-201|{g}|900|lncRNA|"
    for row, (i, g) in enumerate(zip(IDS, GENES, strict=True))
]
BULK |= {
    "genes in the last column": Case(
        lambda path: CLEAN.assign(gene=GENES).to_csv(path, sep="\t", index=False), "'P0', holds values"
    ),
    "numbers of chromosomes first": Case(
        lambda path: (
            with_column("chr", RNG.integers(1, 23, 600)).assign(Gene=GENES).to_csv(path, sep="\t", index=False)
        ),
        "'chr', does not name the genes",
    ),
    "a title": Case(lines(lambda t: ["Table S1. Counts of all samples", "", *t]), "above the table"),
    "a title in a CSV": Case(lines(lambda t: ['"Table S1, counts"' + 8 * ",", *t], separator=","), "above the table"),
    "mean lengths": Case(table(with_column("avg_length", _LENGTHS["P0"])), "avg_length (by its name)"),
    "tximport's lengths": Case(
        table(pd.concat([CPM.add_prefix("abundance."), _LENGTHS.add_prefix("length.")], axis=1)), "length.P0"
    ),
    "tximport's list of decimals": Case(
        table(pd.concat([CPM.add_prefix("abundance."), (CLEAN + 0.5).add_prefix("counts.")], axis=1)),
        "several quantities",
        True,
    ),
    "sums of rows": Case(table(CLEAN.assign(row_sum=CLEAN.sum(axis=1))), "computed from the other samples: row_sum"),
    "spike-ins and counters": Case(table(pd.concat([CLEAN, _NO_GENES])), "not genes: ERCC-00002"),
    "spike-ins, h5ad": Case(parts(pd.concat([CLEAN, _NO_GENES])), "no genes were left out: ERCC-00002", suffix=".h5ad"),
    "two columns of names, one sorted": Case(
        table(described(IDS, gene_name=sorted(GENES)), corner="gene_id"), "name other genes", True
    ),
    "probes beside Gene.Symbol": Case(
        table(described([f"{row}_at" for row in range(600)], **{"Gene.Symbol": GENES}), corner="ID_REF"),
        "(column Gene.Symbol)",
    ),
    "GENCODE's transcripts": Case(table(renamed(_GENCODE)), "two identifiers"),
    "StringTie": Case(table(renamed([f"MSTRG.{row}|{gene}" for row, gene in enumerate(GENES)])), "two identifiers"),
    "h5ad with whole lengths": Case(parts(CLEAN, length=_LENGTHS.round()), suffix=".h5ad"),
    "h5ad of a selection": Case(
        parts(np.log2(CPM[100:300] + 1), CPM, counts=CLEAN[100:300]), "taken from raw.X", suffix=".h5ad"
    ),
    "shares of each sample, declared": Case(table(CPM / 1e6), "as declared", unit="cpm"),
}
CELLS |= {
    "a selection of genes beside all": Case(
        selected, "layers['counts'] holds a selection of 200 genes", suffix=".h5ad"
    ),
    "numbers of cells beside genes": Case(
        lambda path: (
            pd.DataFrame(SINGLE, REFERENCE.obs_names, GENES)
            .assign(nCount_RNA=7 * SINGLE.sum(1) ** 2, seurat_clusters=3, UMAP_1=-1.5)
            .join(REFERENCE.obs[["cell_type", "donor"]])
            .to_csv(path, sep="\t")
        ),
        "are no genes: nCount_RNA, seurat_clusters, UMAP_1",
    ),
    "spike-ins": Case(
        lambda path: anndata.AnnData(
            np.hstack([SINGLE, np.full((len(SINGLE), 9), 50.0)]),
            REFERENCE.obs,
            pd.DataFrame(index=[*GENES, *(f"ERCC-{row:05d}" for row in range(2, 10)), "no_feature"]),
        ).write_h5ad(path),
        "no genes were left out: ERCC-00002",
        suffix=".h5ad",
    ),
}
REFERENCES |= {
    "a group beside its types": Set(
        one(cell_type=np.where(ODD & (LABELS == "CD4+ T"), "T cell", LABELS)), "names a group that holds 'CD4+ T'"
    ),
    "doublets of two types": Set(one(cell_type=np.where(ODD, "B/T doublet", LABELS)), "may be no cell type"),
    "types written twice": Set(
        one(cell_type=np.where(ODD, [f"{label}.1" for label in LABELS], LABELS)), "'B cell', 'B cell.1' differ only"
    ),
}
