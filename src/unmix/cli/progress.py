"""How far a long step is."""

from __future__ import annotations

import sys
import time
from typing import Any

import click


class Progress:
    """What a user sees of a long step on stderr: a bar on a terminal, else a plain line every `EVERY` seconds.

    A smaller count than before, or another total, starts a new count.
    """

    EVERY = 10.0

    def __init__(self) -> None:
        self._bar: Any = None
        self._first, self._done, self._total = 0, 0, 0
        self._started = self._told = time.monotonic()

    def show(self, done: int, total: int, note: str) -> None:
        """Show that `done` of `total` things, named in `note`, are done."""
        now = time.monotonic()
        if total != self._total or done < self._done:
            self.stop()
            self._first, self._started, self._told = done, now, now
        self._done, self._total = done, total
        if done >= total:
            self.stop()
        elif sys.stderr.isatty():
            self._draw(done, total, note)
        elif now - self._told >= self.EVERY:
            self._told = now
            left = (now - self._started) / max(done - self._first, 1) * (total - done)
            click.echo(f"{done:,} of {total:,} {note}, {left:.0f} s left", err=True)

    def _draw(self, done: int, total: int, note: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self._bar is None:
            columns = BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn()
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task(note, total=total)
            self._bar.start()
        self._bar.update(0, completed=done, description=note)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
