"""What ``unmix_repeat.py`` does: a step, a run of ``unmix_run.py``, or a run of the pipeline once more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unmix.cli import again
from unmix.cli.step import shown
from unmix.errors import DataError, NotTheSame, UsageError
from unmix.io import records
from unmix.io.outputs import standing
from unmix.pipeline import repeat as compared
from unmix.pipeline import repeat_pipeline
from unmix.pipeline.start import REQUEST

if TYPE_CHECKING:
    from unmix.pipeline.record import Run
    from unmix.pipeline.repeat import Line

WHOLE = "unmix_run.py"
EXPECTED = "run.json of a step, or a folder of results of unmix_run.py or of the pipeline"


def repeat(job: Run, given: Path, out: Path, inputs: Path | None, scripts: Path) -> None:
    """Repeat a recorded run in a new folder, and compare its outputs; the table is printed, and stands in repeat.tsv.

    Parameters
    ----------
    job
        The step that does it.
    given
        Record of a step, or folder of results.
    out
        New folder: ``inputs/`` links what is read, ``results/`` receives what is made.
    inputs
        Folder with the inputs, under any names; None: they are where they stood.
    scripts
        Folder of the scripts.

    Raises
    ------
    UsageError
        A folder that is not empty, or a record of something else.
    DataError
        An input is missing, or has other contents.
    NotTheSame
        The command fails, or an output differs.
    """
    if out.exists() and any(out.iterdir()):
        raise UsageError(
            f"{out} is not empty", "a new folder, so that nothing old is compared", "give another --out-dir"
        )
    path, folder = _record(given)
    record = records.read(path)
    if "error" in record:
        raise UsageError(f"{path} says why nothing was made", EXPECTED, "give a record with outputs")
    command = Path(record.get("command", [""])[0]).name
    if folder and "samplesheet" in record:
        lines = _pipeline(job, folder, record, out, inputs, scripts)
    elif (scripts / command).is_file() and command.startswith("unmix_"):
        lines = _script(job, path, folder, record, out, inputs, scripts / command)
    else:
        raise UsageError(f"{path} is not of a command of unmix ({shown(command)})", EXPECTED, "give another record")
    compared.write(lines, job.output(out / "repeat.tsv"))
    job.commit(None)
    _show(lines)
    if wrong := [line for line in lines if line.same != "yes"]:
        raise NotTheSame(
            f"{len(wrong)} of {len(lines)} outputs differ: {', '.join(line.output for line in wrong[:5])}"
            f"{', ...' if len(wrong) > 5 else ''}",
            "outputs with the recorded hashes",
            "see what was said of versions and machine; compare the files below " + str(out / "results"),
        )
    job.say(f"All {len(lines)} outputs are the same.")


def _record(given: Path) -> tuple[Path, Path | None]:
    """Return the record of a run, and the folder of its results if it is a whole one."""
    if not given.exists():
        raise DataError(f"there is no file {given}", EXPECTED, "correct the path")
    folder = given if given.is_dir() else given.parent
    whole = [folder / REQUEST, folder / compared.OF_NEXTFLOW / REQUEST]
    if given.is_dir() or given.name == REQUEST:
        for path in whole if given.is_dir() else [given]:
            if path.exists():
                return path, path.parent.parent if path.parent.name == compared.OF_NEXTFLOW else path.parent
        if (path := folder / "run.json").exists():
            return path, None
        raise UsageError(f"{given} holds no {REQUEST} and no run.json", EXPECTED, "correct the path")
    command = records.read(given).get("command", [""])
    if Path(command[0]).name != WHOLE:
        return given, None
    for parent in given.resolve().parents:  # the records of one command: the whole is repeated
        if (parent / REQUEST).exists() and records.read(parent / REQUEST).get("command") == command:
            return parent / REQUEST, parent
    raise UsageError(f"{given} is of {WHOLE}, and no folder above it has {REQUEST}", EXPECTED, "give the whole folder")


def _script(
    job: Run, path: Path, folder: Path | None, record: dict[str, Any], out: Path, inputs: Path | None, script: Path
) -> list[Line]:
    """Repeat a step or a run of one command."""
    found = compared.find(compared.recorded_inputs(record), inputs)
    for sentence in compared.differences(record):
        job.say(f"warning: {sentence}")
    results = out / "results"
    linked = compared.link(found, (out / "inputs").absolute())
    words = again.words(script, record["command"][1:], record["folder"], linked, results.absolute())
    _run([sys.executable, str(script), *words], out)
    if folder:
        return compared.of_folders(folder, results)
    made = [one for one in standing(results, "**/*run.json") if records.read(one)["step"] == record["step"]]
    return compared.of_a_step(record, records.read(made[0]), path.parent)


def _pipeline(
    job: Run, folder: Path, record: dict[str, Any], out: Path, inputs: Path | None, scripts: Path
) -> list[Line]:
    """Repeat a run of the pipeline with the Nextflow on PATH, else with that of scripts/nextflow."""
    if not (scripts.parent / "main.nf").is_file():
        raise UsageError(
            "the pipeline is not beside this script", "unmix_repeat.py in bin/ of the pipeline", "call it there"
        )
    said, linked = repeat_pipeline.inputs(folder, record, inputs, (out / "inputs").absolute())
    for sentence in said:
        job.say(f"warning: {sentence}")
    words = repeat_pipeline.command(folder, record, linked, out.absolute())
    _run([str(scripts.parent / "scripts" / "nextflow"), "run", str(scripts.parent.absolute()), *words], out)
    return compared.of_folders(folder, out / "results")


def _run(command: list[str], out: Path) -> None:
    """Run a command in the new folder; what it says goes to stderr.

    Raises
    ------
    NotTheSame
        If it fails.
    """
    out.mkdir(parents=True, exist_ok=True)
    code = subprocess.run(command, cwd=out, stdout=sys.stderr, check=False).returncode
    if code:
        raise NotTheSame(
            f"the repeated command ended with exit code {code}; its words stand above",
            "exit code 0, as in the first run",
            "see what was said of versions and machine",
        )


def _show(lines: list[Line]) -> None:
    """Print the comparison as a table; hashes are cut to what tells them apart."""
    rows = [compared.COLUMNS, *((line.output, line.recorded[:12], line.found[:12], line.same) for line in lines)]
    width = max(len(row[0]) for row in rows)
    for output, *others in rows:
        click.echo(shown("  ".join([output.ljust(width), *(word.ljust(12) for word in others)]).rstrip()))
