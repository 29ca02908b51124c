#!/usr/bin/env python
"""Train a method on a single-cell reference and write the model."""

import json
from pathlib import Path

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("reference", type=cli.FILE)
@click.option("--method", required=True, help="Name of the method; unmix_methods.py lists them.")
@click.option("--bulk", type=cli.FILE, help="Bulk samples, for methods that learn from them too.")
@click.option("--unit", default="auto", show_default=True, help="Unit of --bulk.")
@click.option(
    "--calibration-bulk", type=cli.FILE, help="Bulk samples with known fractions, for methods that need them."
)
@click.option("--calibration-fractions", type=cli.FILE, help="Fractions of the calibration samples.")
@click.option(
    "--recipe", default="default", show_default=True, help="Recipe of the method (default, published) or a JSON file."
)
@click.option(
    "--set", "settings", multiple=True, metavar="A.B=VALUE", help="Change a number of the recipe; repeatable."
)
@click.option("--quick", is_flag=True, help="Train for seconds, to try a pipeline; not for results.")
@click.option("--checkpoint", type=cli.FILE, help="Where an interrupted training goes on.  [default: beside --out]")
@click.option("--out", type=cli.FILE, default="model.safetensors", show_default=True, help="The model.")
@cli.common
def main(
    reference,
    method,
    bulk,
    unit,
    calibration_bulk,
    calibration_fractions,
    recipe,
    settings,
    quick,
    checkpoint,
    out,
    **options,
):
    with cli.run("train", cli.record_beside(out), **options) as run:
        from unmix import check, engine
        from unmix.reference import read_reference

        for name, path in (("reference", reference), ("bulk", bulk)):
            run.input(name, path)
        cells = read_reference(reference)
        recipe = json.loads(Path(recipe).read_text("utf-8")) if recipe.endswith(".json") else recipe
        model = engine.train(
            method,
            cells,
            bulk=None if bulk is None else check.read_bulk(bulk, unit, list(cells.var_names)),
            recipe=recipe,
            settings=settings,
            quick=quick,
            seed=options["seed"],
            device=options["device"],
            checkpoint=checkpoint or out.with_name(f".{out.name}.checkpoint"),
            say=run.say,
            progress=run.progress,
        )
        model.facts["inputs"] = run.fingerprints()
        run.facts["method"], run.facts["recipe"] = engine.literature(method), model.recipe
        model.save(run.output(out))


if __name__ == "__main__":
    main()
