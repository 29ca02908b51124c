#!/usr/bin/env python
"""Repeat a recorded run, and compare the hashes of all outputs.

RUN is the run.json of a step, or a folder of results: of unmix_run.py, or of the pipeline. The same command runs again
in a new folder, on inputs with the recorded SHA-256. The exit code is 0 if all outputs are the same, and 3 if not.
"""

from pathlib import Path

import click

from unmix import __version__, cli


@click.command(help=__doc__)
@click.argument("run", metavar="RUN", type=cli.FILE)
@click.option(
    "--inputs",
    type=cli.DIRECTORY,
    help="Folder with the inputs, under any names.  [default: where they stood]",
)
@click.option(
    "--out-dir", type=cli.OUTPUT_DIRECTORY, default="repeated", show_default=True, help="New folder for what it gives."
)
@click.option("--quiet", is_flag=True, help="Print errors and the table only.")
@click.version_option(__version__, prog_name="unmix")
def main(run, inputs, out_dir, quiet):
    with cli.run("repeat", seed=0, device="cpu", threads=None, quiet=quiet) as job:
        from unmix.cli import repeat

        repeat.repeat(job, run, out_dir, inputs, Path(__file__).parent)


if __name__ == "__main__":
    main()
