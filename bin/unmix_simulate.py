#!/usr/bin/env python
"""Make pseudobulk with known fractions from a single-cell reference."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("reference", type=cli.REFERENCE)
@click.option(
    "--samples", type=click.IntRange(min=1), default=5000, show_default=True, help="Number of pseudobulk samples."
)
@click.option(
    "--cells", type=click.IntRange(min=1), default=500, show_default=True, help="Cells per pseudobulk sample."
)
@click.option(
    "--scenario", default="standard", show_default=True, help="Named settings: standard, sparse, rare, pure, ..."
)
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a setting of the simulation; repeatable."
)
@click.option(
    "--out", type=cli.OUTPUT, default="pseudobulk.h5ad", show_default=True, help="Pseudobulk with the fractions (h5ad)."
)
@cli.common
def main(reference, samples, cells, scenario, settings, out, **options):
    with cli.run("simulate", cli.record_beside(out), **options) as run:
        from unmix.reference.prepare import read_reference
        from unmix.settings import asdict
        from unmix.simulate.pseudobulk import pseudobulk
        from unmix.simulate.scenarios import scenario as named

        run.input("reference", reference)
        recipe = named(scenario, cells, settings)
        bulk = pseudobulk(read_reference(reference), recipe, samples, options["seed"])
        sizes = bulk.uns["unmix"]["mrna_per_cell"]
        run.facts |= {"recipe": asdict(recipe), "mrna_per_cell": sizes}
        if sizes == "reference":
            run.say("The mRNA per cell is that of the reference: estimate fractions with --mrna-per-cell reference.")
        bulk.write_h5ad(run.output(out))


if __name__ == "__main__":
    main()
