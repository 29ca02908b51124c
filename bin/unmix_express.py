#!/usr/bin/env python
"""Estimate the expression of every cell type in every bulk sample.

MODEL is of a method that supports it; with --fractions it is of any method, for the profiles of its reference.
"""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("model", type=cli.MODEL)
@click.argument("bulk", type=cli.FILE)
@click.option("--unit", default="auto", show_default=True, help="Unit of the bulk: counts, tpm, log2tpm, ...")
@click.option(
    "--fractions",
    type=cli.FILE,
    help="Given fractions of mRNA (fractions_mrna.tsv), by any method: expression by sample and group, shrunken to the "
    "reference and marked where it is.",
)
@click.option(
    "--samples", type=cli.FILE, help="Table of samples (sample, condition), for differences within cell types."
)
@click.option(
    "--contrasts", type=cli.FILE, help="Table of contrasts, as for unmix_compare.py.  [default: conditions against one]"
)
@click.option("--condition", metavar="COLUMN", help="Its column of groups.  [default: condition]")
@click.option(
    "--reference", metavar="VALUE", help="Group that the others are compared with.  [default: a control, or the first]"
)
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
def main(model, bulk, unit, fractions, samples, contrasts, condition, reference, orthologs, gene_map, out, **options):
    with cli.run("express", cli.record_beside(out), **options) as run:
        from unmix.pipeline import steps

        given = {"fractions": fractions, "samples": samples, "contrasts": contrasts}
        given |= {"condition": condition, "reference": reference}
        steps.express(run, model, bulk, out, unit=unit, orthologs=orthologs, gene_map=gene_map, **given)


if __name__ == "__main__":
    main()
