#!/usr/bin/env python
"""Combine the fractions of several methods into one answer, with intervals of its own."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("fractions_long", type=cli.FILE, nargs=-1, required=True)
@cli.level
@click.option("--out-dir", type=cli.OUTPUT_DIRECTORY, default=".", show_default=True, help="Folder for the tables.")
@cli.skipped
@cli.common
def main(fractions_long, level, out_dir, **options):
    with cli.run("consensus", out_dir / "run.json", **options) as run:
        from unmix.pipeline import steps

        steps.consensus(run, fractions_long, out_dir, level=level)


if __name__ == "__main__":
    main()
