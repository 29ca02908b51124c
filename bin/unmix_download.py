#!/usr/bin/env python
"""Download published data that unmix does not contain, with checksums."""

import click

from unmix import cli


@click.group(help=__doc__)
def main():
    pass


@main.command(help="Download the signature NAME (unmix_download.py signatures --list) for unmix_train.py --weights.")
@click.argument("name", required=False)
@click.option("--list", "listed", is_flag=True, help="List the signatures, their methods and licences.")
@click.option("--out-dir", type=cli.DIRECTORY, default=".", show_default=True, help="Folder for the files.")
@cli.common
def signatures(name, listed, out_dir, **options):
    if listed or name is None:
        from unmix.download import SIGNATURES

        for key, one in SIGNATURES.items():
            click.echo(f"{key:<18}{one.method:<12}{one.licence}")
        return
    with cli.run("download", out_dir / f"{name}.run.json", **options) as run:
        from unmix import download

        chosen = download.get(name)
        for source in chosen.sources:
            download.fetch(source, run.output(out_dir / source.name))
        run.facts["signature"] = {"name": name, "licence": chosen.licence, "urls": [one.url for one in chosen.sources]}
        run.say(f"Licence of {name}: {chosen.licence}. Cite the paper: unmix_methods.py {chosen.method}.")


if __name__ == "__main__":
    main()
