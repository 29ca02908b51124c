#!/usr/bin/env python
"""Check a bulk expression matrix, correct recognised problems, and list the findings.

BULK is a table (TSV, CSV, GCT or series matrix of GEO; genes in rows or in columns) or an h5ad.
DIR receives bulk.h5ad (samples x genes, linear values), check.tsv (one sentence per finding),
quality.tsv (depth and complexity of every sample) and run.json; if BULK has less than half
of the genes of the reference, also shared_genes.txt, for unmix_train.py --genes.
"""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("bulk", type=cli.FILE)
@click.option("--reference", type=cli.FILE, help="Prepared reference; its genes are matched with those of the bulk.")
@click.option(
    "--unit",
    default="auto",
    show_default=True,
    help="counts, tpm, fpkm, cpm or microarray, or a logarithm of one: log2tpm, lncpm, log10fpkm ...",
)
@click.option(
    "--species",
    type=click.Choice(["auto", "human", "mouse", "rat"]),
    default="auto",
    show_default=True,
    help="Species of the genes.",
)
@cli.genes
@click.option("--out-dir", type=cli.OUTPUT_DIRECTORY, required=True, help="Folder for the results.")
@cli.skipped
@cli.common
def main(bulk, reference, unit, species, orthologs, gene_map, out_dir, **options):
    with cli.run("check", out_dir / "run.json", **options) as job:
        import pandas as pd

        from unmix.io import check, tables

        genes = None
        if reference:
            from unmix.reference.prepare import read_reference

            genes = read_reference(reference).var
        data, findings = check.examine(bulk, unit, genes, species, orthologs, gene_map)
        job.input("bulk", bulk)
        job.input("reference", reference)
        job.input("gene map", gene_map)
        for finding in findings:
            job.say(f"{finding.level}: {finding.sentence}")
        job.facts = {"unit": data.uns["unmix"]["unit"], "log": data.uns["unmix"]["log"], "shape": data.shape}
        data.write_h5ad(job.output(out_dir / "bulk.h5ad"))
        if genes is not None and (shared := check.few_shared(data.var_names, genes)):
            job.output(out_dir / "shared_genes.txt").write_text("\n".join(shared) + "\n", encoding="utf-8")
        table = pd.DataFrame(findings).set_index("level")
        tables.write_table(table, job.output(out_dir / "check.tsv"), "level")
        tables.write_table(data.obs, job.output(out_dir / "quality.tsv"), "sample")


if __name__ == "__main__":
    main()
