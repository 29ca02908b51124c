"""One step on the command line: exit codes of errors, sentences on stderr, signals."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import re
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from unmix import __version__
from unmix.cli.options import READ
from unmix.cli.progress import Progress
from unmix.errors import UnmixError
from unmix.io.outputs import SIGNALS, refused, say_once
from unmix.pipeline.record import Run, recorded
from unmix.pipeline.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Control characters but line ends and tabs, and those that turn the direction of text.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

#: New objects after which Python looks for garbage. The modules of a step are more than 100,000 objects that stay. With
#: the usual number, 700, the search takes a twentieth of a short step.
UNSEARCHED = 50_000


@contextlib.contextmanager
def run(
    step: str, record: Path | None = None, skipped: Path | None = None, *, quiet: bool = False, **options: Any
) -> Iterator[Run]:
    """Run one step; on success its outputs appear, on an error it exits with the error's code.

    Parameters
    ----------
    step
        Name of the step, as in ``bin/unmix_<step>.py``.
    record
        Where run.json goes; None writes none.
    skipped
        The value of the option :data:`skipped`.
    quiet, options
        The values of :func:`common`.
    """
    limit_threads(options.get("threads"))
    gc.set_threshold(UNSEARCHED)
    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # nohup ignores one
    before = {number: signal.signal(number, _stop) for number in heard}
    say_once()
    waiting = Progress()
    tell, progress = (_nothing, _nothing) if quiet else (_say, waiting.show)
    job = Run(step, tell=tell, progress=progress, **options)
    try:
        for name, path in _files_of_the_command():
            job.keep(name, path)
        with recorded(job, record, skipped):
            yield job
    except UnmixError as error:
        _say(f"unmix {step}: error: {error}")
        sys.exit(error.exit_code)
    except (click.ClickException, click.exceptions.Exit):
        raise
    except Exception as error:
        if found := refused(error):
            _say(f"unmix {step}: error: {found}")
            os._exit(found.exit_code)  # HDF5 ends in SIGSEGV where it closes, at exit, what a full disk left open
        if not isinstance(error, BrokenPipeError):  # a reader such as head has closed the pipe
            click.echo(
                f"unmix {step}: this is a bug in unmix {__version__} "
                f"(Python {platform.python_version()}); please report it with the lines below.",
                err=True,
            )
        raise
    finally:
        waiting.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(sentence: str) -> None:
    """Print to stderr; names of others may hold signs that steer a terminal."""
    click.echo(shown(sentence), err=True)


def shown(text: str) -> str:
    """Return text with signs that steer a terminal as Python writes them."""
    return _STEERING.sub(lambda sign: ascii(sign[0])[1:-1], text)


def _nothing(*_: object) -> None:
    """Show nothing, as --quiet asks."""


def _files_of_the_command() -> Iterator[tuple[str, Path]]:
    """Yield name and path of every file that the command line gives to be read."""
    context = click.get_current_context(silent=True)
    for parameter in context.command.params if context else ():
        if parameter.type in READ:
            given = context.params.get(parameter.name)
            for path in given if isinstance(given, tuple) else filter(None, [given]):
                yield parameter.name.replace("_", " "), path


def _stop(number: int, _: object) -> None:
    """End the step in answer to a signal, after its temporary files are removed."""
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


def record_beside(out: Path) -> Path:
    """Return where the run record of a step with one output file goes: model.run.json."""
    return out.with_suffix(".run.json")
