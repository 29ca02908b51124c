#!/usr/bin/env python
"""Download published models, references and signatures, and verify the checksums.

WHAT is models, references or signatures. Without NAME, all are listed. Models and references go to the folder in which
registry:NAME finds them. An entry that is not published yet is made on this machine from public data: --build.
"""

from pathlib import Path

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("what", type=click.Choice(["models", "references", "signatures"]))
@click.argument("name", required=False)
@click.option("--build", is_flag=True, help="Make the model or reference from public data instead of downloading it.")
@click.option(
    "--source",
    type=cli.FILE,
    multiple=True,
    help="With --build: a public file of the reference, or the wheel with it. Repeatable.",
)
@click.option(
    "--out-dir",
    type=cli.OUTPUT_DIRECTORY,
    help="Folder for the files.  [default: . for signatures, else that of registry:NAME]",
)
@cli.common
def main(what, name, build, source, out_dir, **options):
    from unmix.io import registry

    folder = out_dir or (registry.folder() / what if what in registry.ENDINGS else Path())
    path = folder / f"{name}{registry.ENDINGS.get(what, '')}"
    with cli.run("download", registry.record_of(path) if name else None, **options) as run:
        if what == "signatures":
            signatures(run, name, folder)
        elif name is None:
            for key in getattr(registry.registry(), what):
                click.echo(f"{key:<26}{registry.state(what, key):<28}{registry.card(what, key)['title']}")
        elif build:
            from unmix.pipeline.steps import building

            building.build(run, what, name, path, source)
            run.say(f"{path}: use it as registry:{name}" if out_dir is None else f"{path}")
        else:
            from unmix.io import download

            entry = registry.published(what, name)
            download.fetch_file(entry.url, entry.sha256, run.output(path))
            run.facts["registry"] = {"kind": what, "name": name, "version": entry.version}


def signatures(run, name, folder):
    """List the signatures, or download one."""
    from unmix.io import download

    if name is None:
        for key, one in download.SIGNATURES.items():
            click.echo(f"{key:<18}{one.method:<12}{one.licence}")
        return
    chosen = download.get(name)
    for source in chosen.sources:
        download.fetch(source, run.output(folder / source.name))
    run.facts["downloaded"] = {"signatures": name, "licence": chosen.licence, "urls": [s.url for s in chosen.sources]}
    run.say(f"Licence of {name}: {chosen.licence}. Cite the paper: unmix_methods.py {chosen.method}.")


if __name__ == "__main__":
    main()
