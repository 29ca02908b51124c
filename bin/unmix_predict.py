#!/usr/bin/env python
"""Estimate the cell-type fractions of bulk samples with a trained model."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("model", type=cli.FILE)
@click.argument("bulk", type=cli.FILE)
@click.option(
    "--also",
    type=cli.FILE,
    multiple=True,
    metavar="MODEL",
    help="Model of the same cell types from another reference; repeatable. In each sample, models are weighted by "
    "how well they reconstruct its expression.",
)
@click.option("--unit", default="auto", show_default=True, help="Unit of the bulk: counts, tpm, log2tpm, ...")
@click.option(
    "--level",
    type=click.FloatRange(0.5, 0.99),
    default=0.9,
    show_default=True,
    help="Nominal coverage of the intervals.",
)
@click.option(
    "--mrna-per-cell",
    type=cli.FILE,
    metavar="TABLE",
    help="Table of cell type and mRNA per cell, to convert the estimates to fractions of cells.",
)
@click.option("--out-dir", type=cli.OUTPUT_DIRECTORY, default=".", show_default=True, help="Folder for the tables.")
@cli.skipped
@cli.common
def main(model, bulk, also, unit, level, mrna_per_cell, out_dir, **options):
    with cli.run("predict", out_dir / "run.json", **options) as run:
        from unmix import engine
        from unmix.contract.model import Model
        from unmix.engine import cell_fractions, ensemble, inputs
        from unmix.io import check
        from unmix.io.fractions import write_fractions
        from unmix.io.tables import write_table

        run.input("model", model)
        run.input("bulk", bulk)
        trained = Model.load(model)
        run.facts["method"], run.facts["recipe"] = engine.literature(trained.method), trained.recipe
        run.facts["model"] = {name: fact for name, fact in trained.facts.items() if name != "reference_genes"}
        run.facts["level"] = level
        for number, path in enumerate(also):
            run.input(f"also_{number}", path)
        models = [trained, *map(Model.load, also)]
        samples = check.read_bulk(bulk, unit, list(dict.fromkeys(gene for one in models for gene in one.genes)) or None)
        for sentence in samples.uns["unmix"]["messages"]:
            run.say(sentence)
        sizes = None
        if mrna_per_cell:
            run.input("mrna_per_cell", mrna_per_cell)
            sizes = cell_fractions.read_table(mrna_per_cell)
            run.facts["mrna_per_cell"] = sizes.to_dict() if all(map(cell_fractions.mrna_per_cell_of, models)) else {}
        estimated = {"level": level, "device": options["device"], "mrna_per_cell": sizes, "say": run.say}
        if also:
            fractions = ensemble.predict(models, samples, **estimated)
        else:
            fractions = engine.predict(trained, samples, **estimated)
        run.facts["transductive"] = inputs.transductive(trained)
        write_fractions(fractions, run.output(out_dir / "fractions.tsv"), run.output(out_dir / "fractions_long.tsv"))
        for name, table in fractions.tables.items():
            write_table(table, run.output(out_dir / f"{name}.tsv"), index_label="sample")


if __name__ == "__main__":
    main()
