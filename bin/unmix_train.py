#!/usr/bin/env python
"""Train a method on a single-cell reference and write the model."""

from pathlib import Path

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("reference", type=cli.FILE)
@click.option("--method", required=True, help="Name of the method; unmix_methods.py lists them.")
@click.option("--bulk", type=cli.FILE, help="Bulk samples to be estimated, for methods that also learn from them.")
@click.option("--unit", default="auto", show_default=True, help="Unit of --bulk.")
@click.option(
    "--calibration-bulk", type=cli.FILE, help="Bulk samples with known fractions, for methods that need them."
)
@click.option("--calibration-unit", default="auto", show_default=True, help="Unit of --calibration-bulk.")
@click.option("--calibration-fractions", type=cli.FILE, help="Fractions of the calibration samples.")
@click.option(
    "--malignant", multiple=True, metavar="TYPE", help="Malignant cell type of the reference; repeatable, or T1,T2."
)
@click.option(
    "--signature",
    type=cli.FILE,
    multiple=True,
    help="Published signature (genes x types), or a table that belongs to it (variances, mRNA per cell); repeatable.",
)
@click.option(
    "--gene-sets",
    type=cli.FILE,
    multiple=True,
    help="Gene sets (GMT or table), or a table that belongs to them; repeatable.",
)
@click.option("--pretrained", type=cli.FILE, multiple=True, help="Networks in their authors' format; repeatable.")
@cli.genes
@click.option("--ontology", type=cli.FILE, help="Ontology of the cell types (OBO), for methods that use it.")
@click.option(
    "--genes",
    type=cli.FILE,
    help="Genes to learn from, one per line, for a bulk that has few genes of the reference: shared_genes.txt of "
    "unmix_check.py.  [default: all]",
)
@click.option(
    "--recipe", default="default", show_default=True, help="Recipe of the method (default, published) or a JSON file."
)
@click.option(
    "--set", "settings", multiple=True, metavar="A.B=VALUE", help="Change a setting of the recipe; repeatable."
)
@click.option("--quick", is_flag=True, help="Train for seconds, to test a pipeline; do not use the estimates.")
@click.option(
    "--checkpoint", type=cli.FILE, help="File from which an interrupted training continues.  [default: beside --out]"
)
@click.option("--out", type=cli.OUTPUT, default="model.safetensors", show_default=True, help="The model.")
@cli.skipped
@cli.common
def main(
    reference,
    method,
    bulk,
    unit,
    calibration_bulk,
    calibration_unit,
    calibration_fractions,
    malignant,
    signature,
    gene_sets,
    pretrained,
    orthologs,
    gene_map,
    ontology,
    genes,
    recipe,
    settings,
    quick,
    checkpoint,
    out,
    **options,
):
    checkpoint = checkpoint or out.with_name(f".{out.name}.checkpoint")
    with cli.run("train", cli.record_beside(out), **options) as run:
        from unmix import engine
        from unmix import methods as registry
        from unmix import settings as settings_of
        from unmix.errors import UsageError
        from unmix.io import check, tables
        from unmix.reference.prepare import read_reference

        run.facts["method"] = engine.literature(method)
        if (calibration_bulk is None) != (calibration_fractions is None):
            raise UsageError(
                "one of --calibration-bulk and --calibration-fractions",
                "both: the samples and their known fractions",
                "add the other, or remove this one",
            )
        published = {"signature": signature, "gene_sets": gene_sets, "pretrained": pretrained}
        files = {
            "reference": reference,
            "bulk": bulk,
            "calibration_bulk": calibration_bulk,
            "calibration_fractions": calibration_fractions,
            "gene_map": gene_map,
            "ontology": ontology,
            "genes": genes,
            **{f"{sort}_{number}": path for sort, given in published.items() for number, path in enumerate(given)},
        }
        for name, path in files.items():
            run.input(name, path)
        recipe = settings_of.read(Path(recipe)) if recipe.endswith(".json") else recipe
        engine.resolve(registry.get(method), recipe, settings, quick=quick)  # refused before a long file is read
        cells = read_reference(reference)
        known_genes, types = list(cells.var_names), cells.obs["cell_type"].astype(str).unique()
        matched = {"genes": known_genes, "orthologs": orthologs, "gene_map": gene_map}
        names = None
        if genes is not None:
            with tables.readable(genes):
                names = genes.read_text(encoding="utf-8").splitlines()
        calibration = None
        if calibration_bulk is not None:
            samples = check.read_bulk(calibration_bulk, calibration_unit, **matched)
            known = tables.read_truth(calibration_fractions, samples=list(samples.obs_names))
            for sentence in known.attrs.get("messages", []):
                run.say(sentence)
            calibration = samples, known
        model = engine.train(
            method,
            cells,
            bulk=None if bulk is None else check.read_bulk(bulk, unit, **matched),
            calibration=calibration,
            malignant=cli.names(malignant, types),
            **published,
            ontology=ontology,
            genes=names,
            recipe=recipe,
            settings=settings,
            quick=quick,
            seed=options["seed"],
            device=options["device"],
            checkpoint=checkpoint,
            say=run.say,
            progress=run.progress,
        )
        model.facts["inputs"] = run.fingerprints()
        run.facts |= {name: model.facts[name] for name in ("recipe_name", "settings")} | {"recipe": model.recipe}
        model.save(run.output(out))
    checkpoint.unlink(missing_ok=True)  # the model stands


if __name__ == "__main__":
    main()
