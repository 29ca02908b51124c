#!/usr/bin/env python
"""List the methods, or describe one."""

import json

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("name", required=False)
@click.option("--format", "style", type=click.Choice(["table", "json", "markdown"]), default="table", show_default=True)
@cli.common
def main(name, style, **options):
    with cli.run("methods", **options):
        from unmix import methods as registry

        methods = [type(registry.get(name))] if name else list(registry.all_methods().values())
        described = [registry.describe(method) for method in methods]
        if style == "json":
            click.echo(json.dumps(described, indent=2, ensure_ascii=False))
        elif style == "markdown":
            click.echo("| method | family | year | what it is for | literature |\n|---|---|---|---|---|")
            for m in described:
                click.echo(f"| {m['name']} | {m['family']} | {m['year'] or ''} | {m['summary']} | {m['doi']} |")
        else:
            for m in described:
                click.echo(f"{m['name']:<16} {m['family']:<10} {m['year'] or '':<5} {m['summary']}")


if __name__ == "__main__":
    main()
