#!/usr/bin/env python
"""Train a method on a single-cell reference and write the model."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("reference", type=cli.REFERENCE)
@click.option("--method", required=True, help="Name of the method; unmix_methods.py lists them.")
@click.option("--bulk", type=cli.FILE, help="Bulk samples to be estimated, for methods that also learn from them.")
@click.option("--unit", default="auto", show_default=True, help="Unit of --bulk.")
@cli.calibration
@click.option(
    "--malignant", multiple=True, metavar="TYPE", help="Malignant cell type of the reference; repeatable, or T1,T2."
)
@cli.prior
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
@cli.ontology
@click.option(
    "--genes",
    type=cli.FILE,
    help="Genes to learn from, one per line, for a bulk that has few genes of the reference: shared_genes.txt of "
    "unmix_check.py.  [default: all]",
)
@click.option(
    "--recipe", default="default", show_default=True, help="Recipe of the method (default, published) or a JSON file."
)
@cli.settings
@click.option(
    "--checkpoint", type=cli.OUTPUT, help="File from which an interrupted training continues.  [default: beside --out]"
)
@click.option("--out", type=cli.OUTPUT, default="model.safetensors", show_default=True, help="The model.")
@cli.skipped
@cli.common
def main(reference, out, checkpoint, seed, device, threads, quiet, skipped, **given):
    common = {"seed": seed, "device": device, "threads": threads, "quiet": quiet, "skipped": skipped}
    checkpoint = checkpoint or out.with_name(f".{out.name}.checkpoint")
    with cli.run("train", cli.record_beside(out), **common) as run:
        from unmix.pipeline import steps

        steps.train(run, reference, out, checkpoint=checkpoint, **given)
    checkpoint.unlink(missing_ok=True)  # the model stands


if __name__ == "__main__":
    main()
