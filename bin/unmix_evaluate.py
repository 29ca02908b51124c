#!/usr/bin/env python
"""Compare estimated with known fractions; write metrics.tsv, with 95 % bootstrap intervals over samples."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("fractions", type=cli.FILE)
@click.argument("truth", type=cli.FILE)
@click.option(
    "--label-map",
    type=cli.FILE,
    help="TSV with the columns from, to: names of the estimated cell types in the known fractions.",
)
@click.option("--long", type=cli.FILE, help="fractions_long.tsv, to measure the empirical coverage of its intervals.")
@click.option(
    "--quantity",
    type=click.Choice(["cell", "mrna"]),
    help="Known fractions of an h5ad to compare with.  [default: those of the estimated quantity]",
)
@click.option("--renormalise/--no-renormalise", default=True, help="Scale both to sum 1 over the shared types.")
@click.option(
    "--pairs",
    type=cli.OUTPUT,
    help="Also write every pair of known and estimated fraction (for the scatter plots of the report).",
)
@click.option("--out", type=cli.OUTPUT, default="metrics.tsv", show_default=True, help="Table of metrics.")
@cli.skipped
@cli.common
def main(fractions, truth, label_map, long, quantity, renormalise, pairs, out, **common):
    with cli.run("evaluate", record=cli.record_beside(out), **common) as job:
        import numpy as np

        from unmix.evaluation import pairing
        from unmix.io import tables
        from unmix.io.fractions import read_fractions
        from unmix.io.long_tables import read_intervals

        for name, path in {"fractions": fractions, "truth": truth, "label_map": label_map, "long": long}.items():
            job.input(name, path)
        estimate, found = read_fractions(fractions)
        known = tables.read_truth(truth, quantity or ("mrna" if found == "mrna" else "cell"))
        for message in [*estimate.attrs.get("messages", []), *known.attrs.get("messages", [])]:
            job.say(message)
        compared = pairing.pair(
            estimate,
            known,
            quantity=found,
            long=read_intervals(long) if long else None,
            label_map=tables.read_label_map(label_map) if label_map else None,
            renormalise=renormalise,
        )
        if found == "mrna" and quantity is None and not tables.is_h5ad(truth):
            compared.notes.insert(0, pairing.MRNA_AND_CELLS)
        for note in compared.notes:
            job.say(note)
        table = compared.metrics(np.random.default_rng(common["seed"]))
        job.facts["evaluation"] = {"quantity": found, "renormalised": renormalise, "notes": compared.notes}
        tables.write_table(table.set_index("level"), job.output(out), index_label="level")
        if pairs:
            tables.write_table(compared.long().set_index("sample"), job.output(pairs), index_label="sample")
        job.say(pairing.summary(table))


if __name__ == "__main__":
    main()
