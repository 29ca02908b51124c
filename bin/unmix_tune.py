#!/usr/bin/env python
"""Search settings of a method by its error on pseudobulk of another laboratory, or of donors that are left out.

What is found for one tissue need not help for another (docs/tuning.md): measure it on samples like yours.
"""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("reference", type=cli.REFERENCE)
@click.option("--method", required=True, help="Name of the method; unmix_methods.py lists them.")
@click.option("--recipe", default="default", show_default=True, help="Recipe from which the search starts.")
@click.option(
    "--other",
    type=cli.REFERENCE,
    help="Reference of another laboratory, whose cells make the samples.  [default: donors that are left out]",
)
@click.option(
    "--range",
    "ranges",
    multiple=True,
    metavar="NAME=LOW:HIGH",
    help="Setting to search, also NAME=LOW:HIGH:log or NAME=A,B; repeatable.  [default: those of docs/tuning.md]",
)
@click.option("--trials", type=click.IntRange(min=1), default=40, show_default=True, help="Trainings in all.")
@click.option(
    "--samples", type=click.IntRange(min=10), default=60, show_default=True, help="Pseudobulk samples of a trial."
)
@click.option(
    "--storage", type=cli.OUTPUT, help="File from which an interrupted search continues.  [default: beside --out]"
)
@click.option(
    "--trial", type=cli.FILE, help="Measure this trial of --pending only, and write it with its error to --out."
)
@click.option(
    "--measured",
    type=cli.DIRECTORY,
    help="Folder of trials that --trial measured elsewhere: measure none here, and write the next ones to --pending.",
)
@click.option("--pending", type=cli.OUTPUT_DIRECTORY, help="Folder for the trials to measure; none at the end.")
@click.option("--out", type=cli.OUTPUT, default="tuned.json", show_default=True, help="Recipe, for --recipe.")
@cli.common
def main(reference, out, **given):
    common = {name: given.pop(name) for name in ("seed", "device", "threads", "quiet")}
    with cli.run("tune", cli.record_beside(out), **common) as run:
        from unmix.pipeline import steps

        steps.tune(run, reference, out, **given)


if __name__ == "__main__":
    main()
