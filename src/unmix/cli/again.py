"""A recorded command line with other places for what it reads and writes."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unmix.cli.options import DIRECTORY, OUTPUT, OUTPUT_DIRECTORY, READ
from unmix.errors import UsageError
from unmix.pipeline.repeat import absolute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Between the parts of a text that may name files: METHOD=FILE;FILE
_BETWEEN = re.compile("([=;])")


def words(script: Path, given: Sequence[str], folder: str, inputs: Mapping[Path, Path], out: Path) -> list[str]:
    """Return the words of a command of unmix, without its name, with other paths.

    Parameters
    ----------
    script
        The script, which defines the command.
    given, folder
        The words that were typed, and the folder in which.
    inputs
        Where every input is now, by where it stood.
    out
        Folder for all outputs, also those with a default.

    Raises
    ------
    UsageError
        If the script has no such option, or the record does not name one of the files that the command reads.
    """
    command = runpy.run_path(str(script))["main"]
    parser = command.make_parser(click.Context(command))
    try:
        values, _, order = parser.parse_args(args=list(given))
    except click.UsageError as error:
        raise UsageError(
            f"{script.name} of this version does not take the recorded command: {error.format_message()}",
            "the version of unmix that made the record",
            "install that version; unmix_repeat.py names it",
        ) from error
    places = _Places(folder, inputs, out)
    typed = [param for param in dict.fromkeys(order) if values.get(param.name) is not None]
    options = [
        word
        for param in typed
        if isinstance(param, click.Option)
        for word in _option(param, values[param.name], places)
    ]
    for param in command.params:
        if param.type in (OUTPUT, OUTPUT_DIRECTORY) and param not in typed and isinstance(param.default, (str, Path)):
            options += [param.opts[0], places.moved(param, str(param.default))]
    arguments = [
        places.moved(param, value)
        for param in typed
        if isinstance(param, click.Argument)
        for value in _several(param, values[param.name])
    ]
    return [*options, "--", *arguments]


def _several(param: click.Parameter, value: Any) -> Iterable[str]:
    return value if param.multiple or param.nargs != 1 else [value]


def _option(param: click.Option, value: Any, places: _Places) -> list[str]:
    """Return the words of an option."""
    if param.is_flag:
        return [param.opts[0] if value else param.secondary_opts[0]]
    return [word for one in _several(param, value) for word in (param.opts[0], places.moved(param, one))]


class _Places:
    """Where the files of a command are now."""

    def __init__(self, folder: str, inputs: Mapping[Path, Path], out: Path) -> None:
        self.folder, self.inputs, self.out = folder, inputs, out

    def moved(self, param: click.Parameter, word: str) -> str:
        """Return what an option or argument is given now."""
        if param.type is OUTPUT_DIRECTORY:
            return str(self.out)
        if param.type is OUTPUT:
            return str(self.out / Path(word).name)
        if param.type in READ or param.type is DIRECTORY:
            path = param.type.convert(word, param, None)  # registry:NAME is a path by then
            if place := self.input(str(path)):
                return place
            raise UsageError(
                f"the command reads {word}, and the record holds no checksum of it",
                "a record that names every file that the command reads",
                "repeat the command by hand",
            )
        return self.file(word) or "".join(self.file(part) or part for part in _BETWEEN.split(word))

    def file(self, word: str) -> str:
        """Return where an input is now; "" for another word."""
        return str(self.inputs.get(absolute(self.folder, word), ""))

    def input(self, word: str) -> str:
        """Return where an input, or a folder of inputs, is now; "" for another path."""
        path = absolute(self.folder, word)
        if path in self.inputs:
            return str(self.inputs[path])
        for old, new in self.inputs.items():
            if path in old.parents:
                return str(new.parents[len(old.relative_to(path).parts) - 1])
        return ""
