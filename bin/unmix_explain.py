#!/usr/bin/env python
"""Attribute the estimated fractions to genes, for each cell type and sample, and over all samples."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("model", type=cli.MODEL)
@click.argument("bulk", type=cli.FILE)
@click.option("--unit", default="auto", show_default=True, help="Unit of the bulk: counts, tpm, log2tpm, ...")
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=25,
    show_default=True,
    help="Number of genes to write per sample and cell type, the strongest first; 0 for all genes.",
)
@click.option(
    "--gene-sets", type=cli.FILE, help="Gene sets (GMT); their enrichment is written to a second table beside --out."
)
@cli.genes
@click.option("--plot", type=cli.OUTPUT, help="Figure of the strongest genes over all samples (svg, png or pdf).")
@click.option("--out", type=cli.OUTPUT, default="attributions.tsv", show_default=True, help="Table of attributions.")
@cli.skipped
@cli.common
def main(model, bulk, unit, top, gene_sets, orthologs, gene_map, plot, out, **options):
    with cli.run("explain", cli.record_beside(out), **options) as run:
        from unmix.pipeline import steps

        given = {"unit": unit, "orthologs": orthologs, "gene_map": gene_map}
        steps.explain(run, model, bulk, out, **given, top=top, gene_sets=gene_sets, plot=plot)


if __name__ == "__main__":
    main()
