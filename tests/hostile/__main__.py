"""A long run of the attacks: ``python -m tests.hostile --cases 20000`` or ``--kills 10`` prints how they end."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path

import click
from tests.hostile import attacks, kills, kinds

#: Share of the cases of a slow kind.
SLOW = 0.2


@click.command(help=__doc__)
@click.option(
    "--cases",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Over all kinds together; slow ones get fewer.",
)
@click.option("--kind", "only", type=click.Choice(list(kinds.KINDS)), multiple=True, help="Only these; repeatable.")
@click.option("--first", type=click.IntRange(min=0), default=0, show_default=True, help="Number of the first case.")
@click.option("--kills", "moments", type=click.IntRange(min=2), help="Kill every step at so many moments instead.")
@click.option("--step", "steps", type=click.Choice(kills.STEPS), multiple=True, help="With --kills; only these.")
def main(cases: int, only: tuple[str, ...], first: int, moments: int | None, steps: tuple[str, ...]) -> None:
    if moments:
        kill(moments, steps or kills.STEPS)
        return
    chosen = only or tuple(kinds.KINDS)
    share = {kind: SLOW if kind in attacks.SLOW else 1 for kind in chosen}
    numbers = {kind: math.ceil(cases * share[kind] / sum(share.values())) for kind in chosen}
    with tempfile.TemporaryDirectory() as folder:
        kinds.make_files(Path(folder))
        click.echo(f"{'kind':<22}{'cases':>7}{'ok':>7}{'refused':>9}{'other':>7}{'died':>6}{'seconds':>9}")
        for kind in chosen:
            started = time.monotonic()
            ends, bad = attacks.run(kind, range(first, first + numbers[kind]), Path(folder))
            counts = f"{ends['ok']:>7}{ends['refused']:>9}{ends['other']:>7}{ends['died']:>6}"
            click.echo(f"{kind:<22}{numbers[kind]:>7}{counts}{time.monotonic() - started:>9.0f}")
            for number, end in bad.items():
                click.echo(f"  {number}: {end}")


def kill(moments: int, steps: tuple[str, ...]) -> None:
    """Kill steps, and print how often and with what end."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        files.mkdir()
        kills.make_files(files)
        click.echo(f"{'step':<22}{'moments':>9}{'killed':>8}{'events':>8}{'seconds':>9}  end")
        for step in steps:
            place, started = Path(folder) / step, time.monotonic()
            place.mkdir()
            try:
                died, events = kills.killed(step, files, place, moments)
                end = "same bytes, nothing left"
            except AssertionError as error:
                died, events, end = 0, 0, f"FAILED: {str(error)[:300]}"
            click.echo(f"{step:<22}{moments:>9}{died:>8}{events:>8}{time.monotonic() - started:>9.0f}  {end}")


if __name__ == "__main__":
    main()
