#!/usr/bin/env python
"""Prepare a reference of single cells (labels, donors, counts, quality control) or of profiles of cell types.

INPUT is an h5ad, a 10x folder, .h5 or .mtx, or a table of counts (also of CIBERSORTx or Scaden);
several are joined on their common genes. Logarithms are recognised and undone. With --kind profiles,
INPUT is an h5ad or a table of genes x cell types (sorted cells, pure tissues, a published signature);
a type may have several columns. All other steps read OUT.
"""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=cli.FILE)
@click.option(
    "--kind",
    type=click.Choice(["cells", "profiles"]),
    default="cells",
    show_default=True,
    help="Content of INPUT: single cells, or profiles of cell types for the methods that need only these.",
)
@click.option(
    "--cell-type-key",
    default="cell_type",
    show_default=True,
    help="Column of cell types in the annotation of the cells; profiles without annotation are named by their types.",
)
@click.option(
    "--donor-key",
    help="Column of donors in the annotation; none: the data name no donors; file: every INPUT is one donor.",
)
@click.option(
    "--cell-state-key",
    help="Column of finer labels within the cell types. Methods estimate these cell states and report their sums. "
    "profile: the names of profiles, whose types --label-map gives.",
)
@click.option("--batch-key", help="Column of batches in the annotation (kept; no batch correction is done).")
@click.option("--cells", type=cli.FILE, help="Table that annotates the cells (first column: names of the cells).")
@click.option("--unit", default="auto", show_default=True, help="Unit of the profiles of --kind profiles.")
@click.option(
    "--replicate-separator",
    default="",
    metavar="TEXT",
    help="What separates cell type and replicate in the names of profiles: _ if NK_1 and NK_2 are profiles of NK.",
)
@click.option(
    "--cell-type-tree",
    default="auto",
    show_default=True,
    metavar="SOURCE",
    help="Groups of the cell types: ontology, inferred, none, obs:COLUMN,... (columns of the cells, from fine to "
    "coarse), or a table (cell type, then one column per level, from fine to coarse; or the columns child and parent). "
    "auto: the ontology where it knows all cell types, else inferred.",
)
@click.option(
    "--label-map",
    type=cli.FILE,
    help="TSV with the columns from, to, to rename cell types; an empty to drops the cells.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Use only the cells whose COLUMN of the annotation is VALUE, as disease=normal or is_primary_data=True. "
    "Repeatable: the same column again allows a further value, another column is a further condition.",
)
@click.option("--preset", default="standard", show_default=True, help="Quality control: standard, none, dissect, ...")
@click.option(
    "--use-genes",
    multiple=True,
    metavar="GROUP",
    help="Technical genes that methods may use: haemoglobin, ribosomal, mitochondrial, sex, nuclear, all. Repeatable. "
    "By default they use none, except haemoglobins if there are erythroid cells.",
)
@click.option(
    "--max-cells-per-type", type=click.IntRange(min=1), help="Largest number of cells per donor and cell type."
)
@cli.genes
@click.option("--out", type=cli.OUTPUT, default="reference.h5ad", show_default=True, help="The prepared reference.")
@click.option(
    "--report",
    type=cli.OUTPUT,
    help="Page (HTML) of the cells and of the types that can be told apart; its table (TSV) is written beside it.",
)
@cli.skipped
@cli.common
def main(inputs, out, seed, device, threads, quiet, skipped, **settings):
    common = {"seed": seed, "device": device, "threads": threads, "quiet": quiet, "skipped": skipped}
    with cli.run("reference", cli.record_beside(out), **common) as run:
        from unmix.pipeline import steps

        steps.reference(run, inputs, out, **settings)


if __name__ == "__main__":
    main()
