#!/usr/bin/env python
"""Estimate the expression of every cell type in every bulk sample, with a model of a method that supports it."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("model", type=cli.MODEL)
@click.argument("bulk", type=cli.FILE)
@click.option("--unit", default="auto", show_default=True, help="Unit of the bulk: counts, tpm, log2tpm, ...")
@cli.genes
@click.option(
    "--out",
    type=cli.OUTPUT,
    default="expression.h5ad",
    show_default=True,
    help="Expression (h5ad), one layer per cell type.",
)
@cli.skipped
@cli.common
def main(model, bulk, unit, orthologs, gene_map, out, **options):
    with cli.run("express", cli.record_beside(out), **options) as run:
        from unmix.pipeline import steps

        steps.express(run, model, bulk, out, unit=unit, orthologs=orthologs, gene_map=gene_map)


if __name__ == "__main__":
    main()
