#!/usr/bin/env python
"""Measure methods on samples of known composition: train them on cases, and tabulate how well they estimate."""

import click

from unmix import __version__, cli


@click.group(help=__doc__)
@click.version_option(__version__, prog_name="unmix")
def main():
    """Group the commands."""


@main.command()
@click.argument("cases", nargs=-1, required=True, type=cli.DIRECTORY)
@click.option("--method", "methods", multiple=True, help="Method to train; repeatable.  [default: every method]")
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    default=("default",),
    show_default=True,
    help="Recipe of the methods (default, published), or a JSON file; repeatable. Methods without it are left out.",
)
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    type=click.IntRange(min=0),
    default=(0,),
    show_default=True,
    help="Seed; repeatable.",
)
@click.option("--jobs", "-n", type=click.IntRange(min=1), default=1, show_default=True, help="Fits at a time.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads of a fit.")
@click.option("--out", type=cli.OUTPUT_DIRECTORY, default="store", show_default=True, help="The store.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def fit(cases, methods, recipes, seeds, jobs, threads, out, quiet):
    """Train methods on CASES, and keep their estimates in a store.

    A fit that the store holds already, of the same data, settings and seed, is not done again. One that fails, or that
    is not applicable, is recorded with the reason.
    """
    with cli.run("benchmark", None, seed=0, device="cpu", threads=threads, quiet=quiet) as run:
        from unmix.pipeline import steps

        steps.fit(run, cases, out, methods=methods, recipes=recipes, seeds=seeds, number=jobs)


@main.command()
@click.argument("stores", nargs=-1, required=True, type=cli.DIRECTORY)
@click.option("--out", type=cli.OUTPUT, default="benchmark.tsv", show_default=True, help="Table, one figure per row.")
@click.option("--fits", type=cli.OUTPUT, help="Also write one row per fit: what became of it, and what it took.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def table(stores, out, fits, quiet):
    """Tabulate the figures of STORES, with 95 % bootstrap intervals over samples."""
    with cli.run("benchmark", None, seed=0, device="cpu", threads=1, quiet=quiet) as run:
        from unmix.pipeline import steps

        steps.table(run, stores, out, fits=fits)


if __name__ == "__main__":
    main()
