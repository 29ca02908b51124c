#!/usr/bin/env python
"""Compare the composition of groups of samples, along a number, and with survival."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("fractions", type=cli.FILE)
@click.option(
    "--samples", type=cli.FILE, required=True, help="Table of samples: sample, condition, and columns of your own."
)
@click.option(
    "--contrasts",
    type=cli.FILE,
    help="Table as for nf-core/differentialabundance: id, variable, reference, target.",
)
@click.option("--condition", metavar="COLUMN", help="Column that is compared without contrasts.  [default: condition]")
@click.option(
    "--reference",
    metavar="VALUE",
    help="Its value that the others are compared with.  [default: a control, or the first]",
)
@click.option(
    "--block", metavar="COLUMN", help="Persons or units that gave several samples.  [default: block or donor, if there]"
)
@click.option("--covariate", metavar="COLUMN", multiple=True, help="Column whose effect is taken out; repeatable.")
@click.option("--continuous", metavar="COLUMN", multiple=True, help="Column of numbers that are amounts; repeatable.")
@click.option("--categorical", metavar="COLUMN", multiple=True, help="Column of numbers that name groups; repeatable.")
@click.option(
    "--reference-type", metavar="TYPE", multiple=True, help="Cell type of the denominator; repeatable.  [default: all]"
)
@click.option("--resolution", metavar="LEVEL", help="Level of the cell types, or types.  [default: the one that leads]")
@click.option("--time", metavar="COLUMN", help="Time to event or end of follow-up.  [default: time, if there]")
@click.option("--event", metavar="COLUMN", help="1: event, 0: censored.  [default: event, if there]")
@click.option(
    "--draws",
    type=click.IntRange(min=2),
    default=100,
    show_default=True,
    help="Draws from the intervals.",
)
@cli.level
@click.option("--out-dir", type=cli.OUTPUT_DIRECTORY, default=".", show_default=True, help="Folder for the tables.")
@cli.skipped
@cli.common
def main(fractions, samples, covariate, reference_type, out_dir, **options):
    common = {name: options.pop(name) for name in ("seed", "device", "threads", "quiet", "skipped")}
    with cli.run("compare", out_dir / "comparison.run.json", **common) as run:
        from unmix.pipeline import steps

        steps.compare(run, fractions, samples, out_dir, covariates=covariate, reference_types=reference_type, **options)


if __name__ == "__main__":
    main()
