#!/usr/bin/env python
"""Download published data that unmix does not contain, and verify the checksums.

WHAT is signatures. NAME is one signature, for unmix_train.py. Without NAME, all signatures are listed with their
method and licence.
"""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("what", type=click.Choice(["signatures"]))
@click.argument("name", required=False)
@click.option("--out-dir", type=cli.OUTPUT_DIRECTORY, default=".", show_default=True, help="Folder for the files.")
@cli.common
def main(what, name, out_dir, **options):
    with cli.run("download", out_dir / f"{name}.run.json" if name else None, **options) as run:
        from unmix.io import download

        if name is None:
            for key, one in download.SIGNATURES.items():
                click.echo(f"{key:<18}{one.method:<12}{one.licence}")
            return
        chosen = download.get(name)
        for source in chosen.sources:
            download.fetch(source, run.output(out_dir / source.name))
        run.facts["downloaded"] = {what: name, "licence": chosen.licence, "urls": [one.url for one in chosen.sources]}
        run.say(f"Licence of {name}: {chosen.licence}. Cite the paper: unmix_methods.py {chosen.method}.")


if __name__ == "__main__":
    main()
