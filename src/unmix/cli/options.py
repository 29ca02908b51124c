"""Types and options that several scripts share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from unmix import __version__
from unmix.errors import UnmixError
from unmix.io.outputs import check

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = click.Path(path_type=Path)


class _Registered(click.Path):
    """A file, or ``registry:NAME`` for a model or reference of the registry, of which the path is returned."""

    def __init__(self, kind: Literal["models", "references"]) -> None:
        super().__init__(path_type=Path)
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if not str(value).startswith("registry:"):
            return super().convert(value, param, ctx)
        from unmix.io import registry

        try:
            return registry.local(value, self.kind)
        except UnmixError as error:
            raise _refusal(error) from error


MODEL, REFERENCE = _Registered("models"), _Registered("references")
#: The types of what a command reads.
READ = (FILE, MODEL, REFERENCE)
DIRECTORY = click.Path(path_type=Path, file_okay=False)


def _refusal(error: UnmixError) -> click.ClickException:
    """Return an error as click shows it."""
    refusal = click.ClickException(str(error))
    refusal.exit_code = error.exit_code
    return refusal


class _Output(click.Path):
    """A file or folder to be written; one that cannot be is refused before anything is read."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = super().convert(value, param, ctx)
        try:
            check(path if self.file_okay else path / "run.json")
        except UnmixError as error:
            raise _refusal(error) from error
        return path


OUTPUT = _Output(path_type=Path)
OUTPUT_DIRECTORY = _Output(path_type=Path, file_okay=False)
#: The option of the steps that a pipeline can do without: the reason stands in a file, and the other work goes on.
skipped = click.option(
    "--skipped",
    type=OUTPUT,
    help="Run record with the reason, if the step cannot be done (exit code 2, 65 or 99).",
)

#: The option of the steps that give intervals.
level = click.option(
    "--level",
    type=click.FloatRange(0.5, 0.99),
    default=0.9,
    show_default=True,
    help="Nominal coverage of the intervals.",
)


#: The option of the steps that know what a cohort contains in the mean.
prior = click.option(
    "--prior",
    default="none",
    show_default=True,
    metavar="SOURCE",
    help="Mean fractions of cells that the samples of BULK are known to have: pbmc (healthy adults), or a table with "
    "the columns cell_type, fraction and sd. The estimated means move towards them.",
)


def _together(*options: Callable[..., Any]) -> Callable[..., Any]:
    """Return options as one decorator; --help shows them in this order."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


#: The options of the steps that match gene names with those of a reference.
genes = _together(
    click.option(
        "--orthologs",
        is_flag=True,
        help="If the species differ (human, mouse, rat), replace genes by their one-to-one orthologs.",
    ),
    click.option(
        "--gene-map",
        type=FILE,
        metavar="TABLE",
        help="Table of two columns, the name as the file has it and the gene, for names that are not recognised.",
    ),
)

#: The options of the steps that train methods.
calibration = _together(
    click.option(
        "--calibration-bulk", type=FILE, help="Bulk samples with known fractions, for methods that need them."
    ),
    click.option("--calibration-unit", default="auto", show_default=True, help="Unit of --calibration-bulk."),
    click.option("--calibration-fractions", type=FILE, help="Fractions of the calibration samples."),
)
ontology = click.option("--ontology", type=FILE, help="Ontology of the cell types (OBO), for methods that use it.")
settings = _together(
    click.option(
        "--set", "settings", multiple=True, metavar="A.B=VALUE", help="Change a setting of the recipe; repeatable."
    ),
    click.option("--quick", is_flag=True, help="Train for seconds, to test a pipeline; do not use the estimates."),
)

#: The options that every step has.
common = _together(
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of every random draw."),
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="Where networks run; auto takes a GPU if there is one.",
    ),
    click.option("--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all available]"),
    click.option("--quiet", is_flag=True, help="Print errors only."),
    click.version_option(__version__, prog_name="unmix"),
)
