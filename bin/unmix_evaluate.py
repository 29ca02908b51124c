#!/usr/bin/env python
"""Compare estimated with known fractions; write metrics.tsv, with 95 % bootstrap intervals over samples."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("fractions", type=cli.FILE)
@click.argument("truth", type=cli.FILE)
@click.option(
    "--label-map",
    type=cli.FILE,
    help="TSV with the columns from, to: names of cell types in either table, and their common names.",
)
@click.option("--long", type=cli.FILE, help="fractions_long.tsv, to measure the empirical coverage of its intervals.")
@click.option(
    "--quantity",
    type=click.Choice(["cell", "mrna"]),
    help="Known fractions of an h5ad to compare with.  [default: those of the estimated quantity]",
)
@click.option("--renormalise/--no-renormalise", default=True, help="Scale both to sum 1 over the shared types.")
@click.option(
    "--pairs",
    type=cli.OUTPUT,
    help="Also write every pair of known and estimated fraction (for the scatter plots of the report).",
)
@click.option("--out", type=cli.OUTPUT, default="metrics.tsv", show_default=True, help="Table of metrics.")
@cli.skipped
@cli.common
def main(fractions, truth, label_map, long, quantity, renormalise, pairs, out, **common):
    with cli.run("evaluate", cli.record_beside(out), **common) as run:
        from unmix.pipeline import steps

        given = {"label_map": label_map, "long": long, "quantity": quantity}
        steps.evaluate(run, fractions, truth, out, **given, renormalise=renormalise, pairs=pairs)


if __name__ == "__main__":
    main()
