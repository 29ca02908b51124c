#!/usr/bin/env python
"""Estimate the expression of every cell type in every bulk sample, with a model of a method that supports it."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("model", type=cli.FILE)
@click.argument("bulk", type=cli.FILE)
@click.option("--unit", default="auto", show_default=True, help="Unit of the bulk: counts, tpm, log2tpm, ...")
@cli.genes
@click.option(
    "--out",
    type=cli.OUTPUT,
    default="expression.h5ad",
    show_default=True,
    help="Expression (h5ad), one layer per cell type.",
)
@cli.skipped
@cli.common
def main(model, bulk, unit, orthologs, gene_map, out, **options):
    with cli.run("express", cli.record_beside(out), **options) as run:
        from unmix import engine
        from unmix.contract.model import Model
        from unmix.engine.expression import express
        from unmix.io import check

        run.input("model", model)
        run.input("bulk", bulk)
        run.input("gene_map", gene_map)
        trained = Model.load(model)
        run.facts["method"], run.facts["recipe"] = engine.literature(trained.method), trained.recipe
        samples = check.read_bulk(bulk, unit, trained.genes or None, orthologs=orthologs, gene_map=gene_map)
        for sentence in samples.uns["unmix"]["messages"]:
            run.say(sentence)
        found = express(trained, samples, device=options["device"], say=run.say)
        run.facts["transductive"] = bool(found.uns["unmix"]["transductive"])
        found.write_h5ad(run.output(out))


if __name__ == "__main__":
    main()
