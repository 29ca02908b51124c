#!/usr/bin/env python
"""Measure methods on samples of known composition: train them on cases, and tabulate how well they estimate."""

import click

from unmix import __version__, cli


@click.group(help=__doc__)
@click.version_option(__version__, prog_name="unmix")
def main():
    """Group the commands."""


@main.command()
@click.argument("reference", type=cli.REFERENCE)
@click.option("--other", type=cli.REFERENCE, help="Reference of another laboratory, with the same names of cell types.")
@click.option("--scenarios", default="all", show_default=True, help="Names between commas: donors, rare, noise, ...")
@click.option(
    "--samples", type=click.IntRange(min=10), default=60, show_default=True, help="Pseudobulk samples of a test."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of every random draw.")
@click.option("--out", type=cli.OUTPUT_DIRECTORY, default="cases", show_default=True, help="Folder of the cases.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def cases(reference, other, scenarios, samples, seed, out, quiet):
    """Make cases of one's own REFERENCE: cells to learn from, and samples of cells that no method sees."""
    with cli.run("benchmark", cli.record_beside(out), seed=seed, device="cpu", threads=1, quiet=quiet) as run:
        from unmix.pipeline import steps

        steps.cases(run, reference, out, other=other, scenarios=scenarios, samples=samples)


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

    A fit that the store holds already, of the same data, settings and seed, is not done again. One that is not
    applicable, or that fails, is recorded with the reason; what failed is tried again by the next command.
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


@main.command()
@click.argument("stores", nargs=-1, required=True, type=cli.DIRECTORY)
@click.option("--out", type=cli.OUTPUT_DIRECTORY, default="benchmark", show_default=True, help="Folder of the page.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def page(stores, out, quiet):
    """Write the page of STORES, index.html, and the figures on it, benchmark.tsv.

    Use it to reject methods and cell types. It does not tell which method is best for real bulk.
    """
    with cli.run("benchmark", None, seed=0, device="cpu", threads=1, quiet=quiet) as run:
        from unmix.pipeline import steps

        steps.page(run, stores, out)


if __name__ == "__main__":
    main()
