#!/usr/bin/env python
"""Estimate the cell-type fractions of bulk samples with a trained model."""

from pathlib import Path

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
    help="Model from another reference; repeatable. References are weighted by how well two estimates with each "
    "agree in the mean of the samples.",
)
@click.option("--unit", default="auto", show_default=True, help="Unit of the bulk: counts, tpm, log2tpm, ...")
@cli.level
@click.option(
    "--mrna-per-cell",
    default="auto",
    show_default=True,
    metavar="SOURCE",
    help="mRNA per cell for fractions of cells: published (the geometric mean of epic and quantiseq), epic, quantiseq, "
    "reference (counts of the reference's cells), none (no conversion), or a table of cell type and mRNA. auto: "
    "published if all cell types are human blood or immune cells, else reference.",
)
@cli.genes
@click.option("--out-dir", type=cli.OUTPUT_DIRECTORY, default=".", show_default=True, help="Folder for the tables.")
@cli.skipped
@cli.common
def main(model, bulk, also, unit, level, mrna_per_cell, orthologs, gene_map, out_dir, **options):
    with cli.run("predict", out_dir / "run.json", **options) as run:
        from unmix import engine
        from unmix.contract.model import Model
        from unmix.engine import answer, inputs
        from unmix.engine import mrna_per_cell as sources
        from unmix.io import check
        from unmix.io.fractions import write_fractions
        from unmix.uncertainty import unexpressed

        source = sources.read_source(mrna_per_cell)
        if not isinstance(source, str):
            run.input("mrna_per_cell", Path(mrna_per_cell))
        run.input("model", model)
        run.input("bulk", bulk)
        run.input("gene_map", gene_map)
        trained = Model.load(model)
        run.facts["method"], run.facts["recipe"] = engine.literature(trained.method), trained.recipe
        run.facts["model"] = {name: fact for name, fact in trained.facts.items() if name != "reference_genes"}
        run.facts["level"] = level
        for number, path in enumerate(also):
            run.input(f"also_{number}", path)
        models = [trained, *map(Model.load, also)]
        genes = list(dict.fromkeys(gene for one in models for gene in one.genes)) or None
        samples = check.read_bulk(bulk, unit, genes, orthologs=orthologs, gene_map=gene_map)
        for sentence in samples.uns["unmix"]["messages"]:
            run.say(sentence)
        fractions = answer.predict(
            models, samples, level=level, device=options["device"], mrna_per_cell=source, say=run.say
        )
        run.facts["mrna_per_cell"] = fractions.mrna_per_cell
        shares, unit = fractions.samples["unexpressed"].to_numpy(), samples.uns["unmix"]["unit"]
        run.facts["unexpressed"] = unexpressed.record(shares, unit)
        run.facts["transductive"] = bool(also) or inputs.transductive(trained)
        write_fractions(fractions, lambda name: run.output(out_dir / name))


if __name__ == "__main__":
    main()
