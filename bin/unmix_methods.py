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
            click.echo("| method | family | year | what it is for | on real samples | literature |")
            click.echo("|---|---|---|---|---|---|")
            for m in described:
                click.echo(
                    f"| {m['name']} | {m['family']} | {m['year'] or ''} | {m['summary']} | {advice(m)} | {m['doi']} |"
                )
        else:
            for m in described:
                click.echo(f"{m['name']:<16} {m['family']:<10} {m['year'] or '':<5} {m['summary']}")
                if advice(m):
                    click.echo(f"{'':<33} {advice(m)}")


def advice(described):
    """Return whether a method is for comparison only, and how it did beside the controls."""
    return " ".join(filter(None, [described["comparison"], described["real_samples"]]))


if __name__ == "__main__":
    main()
