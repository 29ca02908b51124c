#!/usr/bin/env python
"""Estimate the cell-type fractions of bulk samples with a trained model."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("model", type=cli.MODEL)
@click.argument("bulk", type=cli.FILE)
@click.option(
    "--also",
    type=cli.MODEL,
    multiple=True,
    metavar="MODEL",
    help="Model from another reference; repeatable. References are weighted by how well two estimates with each "
    "agree in the mean of the samples.",
)
@click.option("--unit", default="auto", show_default=True, help="Unit of the bulk: counts, tpm, log2tpm, ...")
@cli.level
@click.option(
    "--mrna-per-cell",
    default="auto",
    show_default=True,
    metavar="SOURCE",
    help="mRNA per cell for fractions of cells: published (the geometric mean of epic and quantiseq), epic, quantiseq, "
    "reference (counts of the reference's cells), none (no conversion), or a table of cell type and mRNA. auto: "
    "published if all cell types are human blood or immune cells, else reference.",
)
@cli.prior
@cli.genes
@click.option("--out-dir", type=cli.OUTPUT_DIRECTORY, default=".", show_default=True, help="Folder for the tables.")
@cli.skipped
@cli.common
def main(model, bulk, also, unit, level, mrna_per_cell, prior, orthologs, gene_map, out_dir, **options):
    with cli.run("predict", out_dir / "run.json", **options) as run:
        from unmix.pipeline import steps

        given = {"unit": unit, "prior": prior, "orthologs": orthologs, "gene_map": gene_map}
        steps.predict(run, model, bulk, out_dir, also=also, level=level, mrna_per_cell=mrna_per_cell, **given)


if __name__ == "__main__":
    main()
