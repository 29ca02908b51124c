"""Columns of numbers that are not samples: identifiers, lengths, positions, quality, quantities of one sample."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError
from unmix.io.text import show

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

#: What describes genes, as names without blanks, points and underscores.
OF_GENES = {
    *("chr", "chrom", "chromosome", "chromosomename", "seqname", "seqnames", "locus", "location", "band", "strand"),
    *("start", "end", "stop", "startposition", "endposition", "genestart", "geneend", "txstart", "txend", "position"),
    *("pos", "startpos", "endpos", "startpositiononthegenome", "endpositiononthegenome"),
    *(
        "length",
        "genelength",
        "genelengthbp",
        "width",
        "effectivelength",
        "efflength",
        "exonlength",
        "transcriptlength",
    ),
    *("medianlength", "meanlength", "lengthbp", "size", "genesize", "bp", "kb", "exons", "exoncount", "nexons"),
    *("numexons", "exonnumber", "numberofexons", "ntranscripts", "numtranscripts", "transcriptcount", "aveexpr"),
    *("entrez", "entrezid", "entrezgene", "entrezgeneid", "ncbigeneid", "ncbiid", "ncbi", "genenumber", "locusid"),
    *("hgncid", "hgnc", "mgiid", "uniprot", "taxid", "unigene", "gc", "gccontent", "gcpercent", "percentgc"),
    *("percentagegccontent", "genegccontent", "biotype", "genebiotype", "genetype", "type", "reference", "source"),
    *("transcriptid", "transcriptids", "transcriptid(s)", "txid", "level", "version", "rank", "index", "unnamed:0"),
    *("classcode", "nearestrefid", "tssid", "tss", "fpkmstatus", "basemean", "log2foldchange", "lfcse", "stat"),
    *("pvalue", "padj", "pval", "qvalue", "fdr", "logfc", "logcpm", "lr", "adjpval", "log2fc", "foldchange"),
}
#: What describes samples, where they stand in rows.
OF_SAMPLES = {
    *("age", "sex", "gender", "bmi", "weight", "height", "batch", "plate", "lane", "run", "time", "day", "week"),
    *("os", "ostime", "osstatus", "pfs", "pfstime", "pfsstatus", "survival", "survivaltime", "overallsurvival"),
    *("status", "event", "dead", "death", "vitalstatus", "futime", "fustat", "stage", "grade", "rin", "dose"),
    *("ngenes", "ngenesbycounts", "ncounts", "totalcounts", "pctcountsmt", "percentmt", "ncountrna", "nfeaturerna"),
    *("totalreads", "reads", "mappedreads", "librarysize", "libsize", "sizefactor", "numreads", "patient", "donor"),
    *(
        "ageatdiagnosis",
        "tumorpurity",
        "tumourpurity",
        "plateid",
        "batchid",
        "patientid",
        "survivaldays",
        "survivalmonths",
    ),
    *("subject", "cluster", "purity", "daystodeath", "daystolastfollowup", "hba1c", "replicate", "pctmapped"),
}
#: What Seurat and scanpy note of cells, and places in a plane.
_OF_CELLS = re.compile(
    r"(n_?count|n_?feature|n_?umi|n_?gene|percent|pct|log1p|umap|tsne|pca?)s?[ ._-].+|(umap|tsne|pc)\d+"
    r"|(.+[ ._-])?(clusters?|score|leiden|louvain)|.+_snn_res[ ._-].+",
    re.IGNORECASE,
)
#: Quantities that tools write side by side for one sample (RSEM, salmon, kallisto, StringTie, cufflinks, GDC, STAR).
QUANTITIES = {
    *("tpm", "fpkm", "rpkm", "cpm", "count", "counts", "expectedcount", "numreads", "estcounts", "coverage", "cov"),
    *("isopct", "fpkmconflo", "fpkmconfhi", "fpkmuq", "rawcount", "readcount", "rawcounts", "posteriormeancount"),
    *("posteriorstandarddeviationofcount", "pmetpm", "pmefpkm", "unstranded", "strandedfirst", "strandedsecond"),
    *("tpmunstranded", "fpkmunstranded", "fpkmuqunstranded", "tpmcilowerbound", "tpmciupperbound"),
    *("fpkmcilowerbound", "fpkmciupperbound", "ciwidth", "normalizedcount", "scaledestimate", "rawreads"),
}
#: How columns of several samples name their quantity: S1_TPM, FPKM.S1.
_QUANTITY = re.compile(
    r"(?:(.+)[ ._:|-])?"
    r"(tpm|fpkm(?:[-_.]uq)?|rpkm|cpm|abundance|conf_lo|conf_hi"
    r"|(?:raw|read|expected|est|normalized)?[ ._-]?(?:read[ ._-]?)?counts?)"
    r"(?:[ ._:|-](.+))?",
    re.IGNORECASE,
)


#: Lengths of the genes, one for all samples or one for each: avg_length, length.S1 (tximport).
_LENGTH = re.compile(r"(.+[ ._:|-])?(length|len|width)s?([ ._:|-].+)?", re.IGNORECASE)


def plain(name: object) -> str:
    """Return a name in lower case, without blanks, points, dashes and underscores."""
    return re.sub(r"[\s._\-#%]+", "", str(name).lower())


def describes_samples(name: object) -> bool:
    """Say whether a column of numbers describes samples or cells in the rows, and is no gene, by its name."""
    return plain(name) in OF_SAMPLES or _OF_CELLS.fullmatch(str(name).strip()) is not None


def refuse_quantities(names: list[str], path: Path) -> None:
    """Refuse columns that are several quantities of the same sample, of one or of many."""
    spelt = [plain(name) for name in names]
    found = [name for name, text in zip(names, spelt, strict=True) if text in QUANTITIES]
    if found and all(text in QUANTITIES | OF_GENES for text in spelt):
        raise DataError(
            f"{path.name} is the quantification of one sample (columns {show(found, 8)}).",
            "one table with a column per sample",
            "merge the samples first, for example with tximport, or take nf-core/rnaseq's salmon.merged.gene_tpm.tsv",
        )
    quantities: dict[str, dict[str, str]] = {}
    for name in names:
        if (match := _QUANTITY.fullmatch(name.strip())) and (stem := match[1] or match[3]):
            quantities.setdefault(stem, {})[plain(match[2])] = name
    if twice := next((columns for columns in quantities.values() if len(columns) > 1), None):
        raise DataError(
            f"{path.name} holds several quantities of each sample (columns {show(twice.values())}).",
            "one quantity, one column per sample",
            "keep the columns of one quantity, counts or TPM",
        )


def foreign(numbers: pd.DataFrame, describing: set[str]) -> dict[str, str]:
    """Return the columns that are no samples, with the reason.

    Parameters
    ----------
    numbers
        The columns of numbers of a table.
    describing
        Names of columns that describe the rows, as :func:`plain` writes them.

    Returns
    -------
    dict
        Column -> reason. By name, or by content: values that all differ, or that rise or fall along the table, or
        that lie in a narrow range without zeros, in a column that is unlike all others although these are alike.
    """
    lengths = [name for name in numbers if describing and _LENGTH.fullmatch(str(name))]
    found = {str(name): "by its name" for name in numbers if plain(name) in describing or name in lengths}
    others = [name for name in numbers if str(name) not in found]
    if len(others) < 3 or len(numbers) < 50 or numbers.columns.has_duplicates:
        return found
    some = numbers[others].iloc[:: max(1, len(numbers) // 2000)]
    suspects = {name: why for name in others if (why := _strange(some[name].to_numpy(), numbers[name].to_numpy()))}
    usual = [name for name in others if name not in suspects and some[name].nunique() > 1]
    if not suspects or len(usual) < 2:
        return found
    ranks = some.rank()
    middle = ranks[usual].mean(axis=1)
    if np.median([ranks[name].corr(middle) for name in usual[:20]]) > 0.6:
        found |= {str(name): why for name, why in suspects.items() if abs(ranks[name].corr(middle)) < 0.3}
    return found


def _strange(some: np.ndarray, values: np.ndarray) -> str:
    """Return why a column looks like no sample: empty if it does not."""
    known = values[np.isfinite(values)]
    if known.size < 50 or known.min() < 0 or np.ptp(known) == 0:
        return ""
    whole = bool((known == np.round(known)).all())
    steps = np.diff(known)
    if (steps >= 0).all() or (steps <= 0).all():
        return "its values only rise or only fall along the table"
    if whole and known.min() > 0 and len(np.unique(known)) > 0.98 * known.size:
        return "whole numbers that all differ, as identifiers and positions"
    if known.min() > 0 and known.max() < 100 and known.max() < 5 * known.min():
        return "a narrow range without zeros, as GC content"
    if whole and known.min() >= 20 and len(np.unique(some)) > 0.5 * some.size:
        return "whole numbers without small ones, as lengths"
    return ""
