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
                click.echo(
                    f"| {card['name']} | {card['kind']} | {' | '.join(str(shown(card[key])) for key in COLUMNS)} |"
                )
        elif name is None:
            for card in cards:
                click.echo(f"{card['name']:<26}{card['kind']:<11}{card['state']:<28}{card['title']}")
        else:
            for fact, value in cards[0].items():
                click.echo(f"{fact:<12} {shown(value)}")


def shown(value):
    """Return a fact of a card as text."""
    if value is None:
        return "not known before it is built"
    if isinstance(value, dict) and "member" in value:
        return value["url"] or value["member"]
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(one)}" for key, one in value.items() if one) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(shown, value))
    return value if value != "" else "none"


if __name__ == "__main__":
    main()
