#!/usr/bin/env python
"""Write one HTML page from a folder of results: fractions, flags, accuracy and provenance."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("results_dir", type=cli.DIRECTORY)
@click.option("--title", default="", help="Title of the page.  [default: Cell-type fractions]")
@click.option("--headline", help="Method shown first.  [default: the one whose fractions are in RESULTS_DIR]")
@click.option("--out", type=cli.OUTPUT, default="report.html", show_default=True, help="The page.")
@click.option("--pdf", type=cli.OUTPUT, help="The same page as PDF.")
@click.option(
    "--tables",
    type=cli.OUTPUT_DIRECTORY,
    help="Folder for all_methods.tsv, tables.xlsx, report.json and the sections for MultiQC.",
)
@cli.common
def main(results_dir, title, headline, out, pdf, tables, **common):
    with cli.run("report", **common) as run:
        from unmix.pipeline import steps

        steps.report(run, results_dir, out, title=title, headline=headline, pdf=pdf, tables=tables)


if __name__ == "__main__":
    main()
