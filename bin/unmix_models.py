#!/usr/bin/env python
"""List the models and references of the registry, or describe one.

unmix_download.py brings them to this machine. Then registry:NAME stands for their file.
"""

import json

import click

from unmix import cli

COLUMNS = ("tissue", "species", "cells", "donors", "licence", "state")


@click.command(help=__doc__)
@click.argument("name", required=False)
@click.option("--format", "style", type=click.Choice(["table", "json", "markdown"]), default="table", show_default=True)
@cli.common
def main(name, style, **options):
    with cli.run("models", **options):
        from unmix.io import registry

        cards = registry.cards(name)
        if style == "json":
            click.echo(json.dumps(cards, indent=2, ensure_ascii=False))
        elif style == "markdown":
            click.echo(f"| name | kind | {' | '.join(COLUMNS)} |\n|---|---{'|---' * len(COLUMNS)}|")
            for card in cards:
                click.echo(f"| {card['name']} | {card['kind']} | {' | '.join(str(card[key]) for key in COLUMNS)} |")
        elif name is None:
            for card in cards:
                click.echo(f"{card['name']:<26}{card['kind']:<11}{card['state']:<18}{card['title']}")
        else:
            for fact, value in cards[0].items():
                click.echo(f"{fact:<12} {shown(value)}")


def shown(value):
    """Return a fact of a card as text."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items() if one) or "none"
    return ", ".join(value) if isinstance(value, tuple) else value if value != "" else "none"


if __name__ == "__main__":
    main()
