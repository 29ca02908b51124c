#!/usr/bin/env python
"""Attribute the estimated fractions to genes, for each cell type and sample, and over all samples."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("model", type=cli.FILE)
@click.argument("bulk", type=cli.FILE)
@click.option("--unit", default="auto", show_default=True, help="Unit of the bulk: counts, tpm, log2tpm, ...")
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=25,
    show_default=True,
    help="Number of genes to write per sample and cell type, the strongest first; 0 for all genes.",
)
@click.option(
    "--gene-sets", type=cli.FILE, help="Gene sets (GMT); their enrichment is written to a second table beside --out."
)
@cli.genes
@click.option("--plot", type=cli.OUTPUT, help="Figure of the strongest genes over all samples (svg, png or pdf).")
@click.option("--out", type=cli.OUTPUT, default="attributions.tsv", show_default=True, help="Table of attributions.")
@cli.skipped
@cli.common
def main(model, bulk, unit, top, gene_sets, orthologs, gene_map, plot, out, **options):
    with cli.run("explain", cli.record_beside(out), **options) as run:
        from unmix import engine
        from unmix.contract.model import Model
        from unmix.engine import explanation
        from unmix.io import check, tables

        run.input("model", model)
        run.input("bulk", bulk)
        run.input("gene_map", gene_map)
        run.input("gene_sets", gene_sets)
        trained = Model.load(model)
        run.facts["method"] = engine.literature(trained.method)
        samples = check.read_bulk(bulk, unit, trained.genes or None, orthologs=orthologs, gene_map=gene_map)
        for sentence in samples.uns["unmix"]["messages"]:
            run.say(sentence)
        found = explanation.attribute(trained, samples, device=options["device"], say=run.say)
        rows = explanation.table(found, trained, samples, top)
        tables.write_table(rows.set_index("sample"), run.output(out), "sample")
        if gene_sets:
            enriched = explanation.gene_sets(found, trained, gene_sets, options["seed"])
            beside = out.with_suffix(".gene_sets.tsv")
            tables.write_table(enriched.set_index("cell_type"), run.output(beside), "cell_type")
        if plot:
            explanation.draw(rows, run.output(plot))
        run.facts["largest_error_of_the_sums"] = found.error()


if __name__ == "__main__":
    main()
