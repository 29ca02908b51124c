#!/usr/bin/env python
"""Estimate cell-type fractions from bulk samples and a reference, in one step.

BULK is a table (genes x samples) or an h5ad; REFERENCE holds single cells with cell types (h5ad, a 10x folder,
.h5 or .mtx, or a table), or was made by unmix_reference.py. DIR receives the fractions, report.html, and a
folder for every method. Methods that cannot be applied are skipped, with the reason in the report.
"""

import click

from unmix import cli
from unmix.pipeline.row import Options, Row


@click.command(help=__doc__)
@click.argument("bulk", type=cli.FILE)
@click.argument("reference", type=cli.REFERENCE)
@click.option("--unit", default=Row.unit, show_default=True, help="Unit of BULK: counts, tpm, log2tpm, ...")
@click.option(
    "--cells",
    type=cli.FILE,
    help="Table that annotates the cells or profiles of REFERENCE (first column: their names), for files without "
    "annotation.",
)
@click.option(
    "--cell-type-key",
    help="Column of cell types in the annotation of the cells.  [default: cell_type; a reference of "
    "unmix_reference.py is used unchanged]",
)
@click.option("--donor-key", default=Row.donor_key, show_default=True, help="Column of donors, or none.")
@click.option("--cell-state-key", help="Column of finer labels within the cell types, which methods estimate and sum.")
@click.option(
    "--cell-type-tree",
    default=Row.cell_type_tree,
    show_default=True,
    metavar="SOURCE",
    help="Groups of the cell types: ontology, inferred, none, obs:COLUMN,... (columns of the cells, from fine to "
    "coarse), or a table (cell type, then one column per level, from fine to coarse; or the columns child and parent). "
    "auto: the ontology where it knows all cell types, else inferred.",
)
@click.option("--label-map", type=cli.FILE, help="TSV with the columns from, to, to rename cell types of REFERENCE.")
@click.option(
    "--reference-kind",
    type=click.Choice(["cells", "profiles"]),
    default=Row.reference_kind,
    show_default=True,
    help="Content of REFERENCE: single cells, or profiles of cell types for the methods that need only these.",
)
@click.option("--truth", type=cli.FILE, help="Known fractions of the samples, to evaluate the estimates.")
@click.option(
    "--truth-map",
    type=cli.FILE,
    help="TSV with the columns from, to: names of cell types in the fractions or in --truth, and their common names.",
)
@click.option("--samples", type=cli.FILE, help="Table of samples (sample, condition, ...), to compare groups.")
@click.option(
    "--contrasts", type=cli.FILE, help="Table of contrasts, as for unmix_compare.py.  [default: conditions against one]"
)
@click.option(
    "--methods",
    default=Options.methods,
    show_default=True,
    help="Methods, separated by commas; default: four unlike methods and their consensus.",
)
@click.option(
    "--controls", default=Options.controls, show_default=True, help="Controls that run beside the methods, or none."
)
@cli.calibration
@click.option("--malignant", default=Row.malignant, metavar="TYPES", help="Malignant cell types, separated by commas.")
@click.option(
    "--signature", multiple=True, metavar="[METHOD=]FILE", help="Published signature and its tables; repeatable."
)
@click.option("--gene-sets", multiple=True, metavar="[METHOD=]FILE", help="Published gene sets; repeatable.")
@click.option("--pretrained", multiple=True, metavar="METHOD=FILE", help="Networks of the authors; repeatable.")
@cli.ontology
@cli.genes
@click.option(
    "--mrna-per-cell",
    default=Row.mrna_per_cell,
    show_default=True,
    metavar="SOURCE",
    help="auto, published, epic, quantiseq, reference, none, or a table of cell type and mRNA per cell.",
)
@cli.prior
@cli.level
@click.option(
    "--recipe",
    type=click.Choice(["default", "published"]),
    default=Options.recipe,
    show_default=True,
    help="Settings of the methods; those without published ones use their default.",
)
@cli.settings
@click.option("--explain", is_flag=True, help="Also attribute the fractions to genes.")
@click.option("--express", is_flag=True, help="Also estimate the expression of the cell types, where a method can.")
@click.option(
    "--type-expression",
    is_flag=True,
    help="Also estimate the expression of the cell types from the fractions of every method, by sample and by group of "
    "--samples, and what differs between the groups within a type.",
)
@click.option("--title", default=Options.title, help="Title of the report.  [default: Cell-type fractions]")
@click.option("--pdf", is_flag=True, help="Also write the report as PDF.")
@click.option(
    "--out-dir", type=cli.OUTPUT_DIRECTORY, default="results", show_default=True, help="Folder of the results."
)
@cli.common
def main(out_dir, seed, device, threads, quiet, **given):
    with cli.run("run", seed=seed, device=device, threads=threads, quiet=quiet) as job:
        from dataclasses import fields

        from unmix.pipeline import run

        for name in ("signature", "gene_sets", "pretrained"):
            given[name] = ";".join(given[name])
        options = {one.name: given.pop(one.name) for one in fields(Options) if one.name in given}
        machine = run.Machine(device=device, threads=threads, say=job.say, progress=job.progress)
        run.run(Row(**given), Options(**options, seed=seed), out_dir, machine)
        job.say(f"Report: {out_dir / 'report.html'}")


if __name__ == "__main__":
    main()
