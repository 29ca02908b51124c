#!/usr/bin/env python
"""Write one HTML page that lists the rows of a run of the pipeline: status, headline, and the way to every report.

SUMMARY is summary.tsv; REPORTS are the report.json of the rows, each named <id>.json.
"""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("summary", type=cli.FILE)
@click.argument("reports", type=cli.FILE, nargs=-1)
@click.option("--request", type=cli.FILE, help="What was asked for: command, samplesheet, parameters (JSON).")
@click.option("--out", type=cli.OUTPUT, default="index.html", show_default=True, help="The page.")
@cli.common
def main(summary, reports, request, out, **common):
    with cli.run("index", **common) as run:
        from unmix.pipeline import steps

        steps.index(run, summary, reports, out, request=request)


if __name__ == "__main__":
    main()
