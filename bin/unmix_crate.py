#!/usr/bin/env python
"""Describe a folder of results as an RO-Crate (Process Run Crate): steps, inputs, outputs, parameters, versions.

RESULTS is a folder of unmix_run.py or of the pipeline; ro-crate-metadata.json is written into it.
"""

import json

import click

from unmix import __version__, cli


@click.command(help=__doc__)
@click.argument("results", type=cli.DIRECTORY)
@click.option(
    "--licence", default="not stated", show_default=True, help="Licence of the results: an address, or words."
)
@click.option("--quiet", is_flag=True, help="Print errors only.")
@click.version_option(__version__, prog_name="unmix")
def main(results, licence, quiet):
    with cli.run("crate", seed=0, device="cpu", threads=None, quiet=quiet) as job:
        from unmix.pipeline import crate

        told = json.dumps(crate.crate(results, licence), indent=2, ensure_ascii=False)
        job.output(results / crate.NAME).write_text(told + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
