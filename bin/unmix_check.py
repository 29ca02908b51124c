#!/usr/bin/env python
"""Check a bulk expression matrix, correct recognised problems, and list the findings.

BULK is a table (TSV, CSV, GCT or series matrix of GEO; genes in rows or in columns) or an h5ad.
DIR receives bulk.h5ad (samples x genes, linear values), check.tsv (one sentence per finding),
quality.tsv (depth and complexity of every sample) and run.json; if BULK has less than half
of the genes of the reference, also shared_genes.txt, for unmix_train.py --genes.
"""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("bulk", type=cli.FILE)
@click.option(
    "--reference", type=cli.REFERENCE, help="Prepared reference; its genes are matched with those of the bulk."
)
@click.option(
    "--unit",
    default="auto",
    show_default=True,
    help="counts, tpm, fpkm, cpm or microarray, or a logarithm of one: log2tpm, lncpm, log10fpkm ...",
)
@click.option(
    "--species",
    type=click.Choice(["auto", "human", "mouse", "rat"]),
    default="auto",
    show_default=True,
    help="Species of the genes.",
)
@cli.genes
@click.option("--out-dir", type=cli.OUTPUT_DIRECTORY, required=True, help="Folder for the results.")
@cli.skipped
@cli.common
def main(bulk, reference, unit, species, orthologs, gene_map, out_dir, **options):
    with cli.run("check", out_dir / "run.json", **options) as run:
        from unmix.pipeline import steps

        given = {"reference": reference, "unit": unit, "species": species}
        steps.check(run, bulk, out_dir, **given, orthologs=orthologs, gene_map=gene_map)


if __name__ == "__main__":
    main()
