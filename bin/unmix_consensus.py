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
        from unmix import methods
        from unmix.engine.consensus import consensus, record
        from unmix.io.fractions import write_fractions
        from unmix.io.long_tables import read_estimates

        members, records = zip(*map(read_estimates, fractions_long), strict=True)
        for member, path in zip(members, fractions_long, strict=True):
            run.input(member.method, path)
        run.facts |= record(members, records, methods.PANEL)
        fractions = consensus(members, level=level, say=run.say)
        run.facts |= {"level": fractions.level, "mrna_per_cell": fractions.mrna_per_cell}
        write_fractions(fractions, lambda name: run.output(out_dir / name))


if __name__ == "__main__":
    main()
