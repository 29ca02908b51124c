"""A long run of the attacks: ``python -m tests.hostile --cases 20000`` prints a table of how they end."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
from tests.hostile import attacks


@click.command(help=__doc__)
@click.option("--cases", type=click.IntRange(min=1), default=20_000, show_default=True, help="Over all kinds together.")
@click.option("--kind", "kinds", type=click.Choice(list(attacks.KINDS)), multiple=True, help="Only these; repeatable.")
@click.option("--first", type=click.IntRange(min=0), default=0, show_default=True, help="Number of the first case.")
def main(cases: int, kinds: tuple[str, ...], first: int) -> None:
    kinds = kinds or tuple(attacks.KINDS)
    each = -(-cases // len(kinds))
    with tempfile.TemporaryDirectory() as folder:
        attacks.make_files(Path(folder))
        click.echo(f"{'kind':<22}{'cases':>7}{'ok':>7}{'refused':>9}{'other':>7}{'died':>6}{'seconds':>9}")
        for kind in kinds:
            started = time.monotonic()
            ends, bad = attacks.run(kind, range(first, first + each), Path(folder))
            counts = f"{ends['ok']:>7}{ends['refused']:>9}{ends['other']:>7}{ends['died']:>6}"
            click.echo(f"{kind:<22}{each:>7}{counts}{time.monotonic() - started:>9.0f}")
            for number, end in bad.items():
                click.echo(f"  {number}: {end}")


if __name__ == "__main__":
    main()
