"""kill -9 of the whole pipeline at many moments: ``python -m tests.pipeline.kills --kills 10`` prints how they end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import click

from unmix import toy

ROOT = Path(__file__).resolve().parents[2]
#: What differs between two runs without any kill: times, and pages that show them.
WITH_TIMES = ("run.json", "skipped.json", "report.html")


def ended(folder: Path) -> int:
    """Return how many starts and ends of tasks there were in the work folder of a run."""
    return sum(1 for name in (".command.begin", ".exitcode") for _ in folder.glob(f"work/??/*/{name}"))


def run(folder: Path, *arguments: object, kill_at: int | None = None, what: Path = ROOT) -> int:
    """Run `what` by Nextflow in a folder; kill it and its tasks at a number of :func:`ended`; return its exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [ROOT / "scripts" / "nextflow", "run", what, *arguments]
    with (folder / "said.txt").open("a") as said:
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            env={**os.environ, "NXF_ANSI_LOG": "false"},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        while kill_at is not None and process.poll() is None:
            if ended(folder) >= kill_at:
                _kill(process, folder)
                break
            time.sleep(0.02)
        return process.wait()


def _kill(process: subprocess.Popen, folder: Path) -> None:
    """Kill a process, its group, and all that works below a folder, until there is none."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    while left := [number for number in _processes() if _works_in(number, folder)]:
        for number in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.05)


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and int(path.name) != os.getpid()]


def _works_in(number: int, folder: Path) -> bool:
    try:
        dead = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return not dead and Path(f"/proc/{number}/cwd").resolve().is_relative_to(folder.resolve())
    except OSError:
        return False


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all results, without the folder of the run; of what holds times, b""."""
    found = {}
    for path in sorted((folder / "results").rglob("*")):
        if path.is_file() and "pipeline_info" not in path.parts:
            held = b"" if path.name.endswith(WITH_TIMES) else path.read_bytes()
            if path.name == "request.json":
                held = held.replace(str(folder).encode(), b"")
            found[str(path.relative_to(folder / "results"))] = held
    return found


def different(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    """Return the names of results that are not the same."""
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


@click.command(help=__doc__)
@click.option("--kills", type=click.IntRange(min=1), default=10, show_default=True)
def main(kills: int) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        reference, bulk = toy(genes=300, donors=3, cells_per_type=5, samples=3)
        reference.uns.pop("unmix")
        reference.write_h5ad(folder / "cells.h5ad")
        bulk.to_df().T.astype(int).to_csv(folder / "bulk.tsv", sep="\t", index_label="gene")
        bulk.obsm["cell_fractions"].to_csv(folder / "truth.tsv", sep="\t", index_label="sample")
        rows = ["id,bulk,reference,donor_key,truth", "toy,bulk.tsv,cells.h5ad,donor,truth.tsv"]
        (folder / "sheet.csv").write_text("\n".join(rows) + "\n")
        arguments = ("-profile", "test", "--methods", "nnls,scaden", "--controls", "none")
        arguments += ("--input", folder / "sheet.csv")
        started = time.monotonic()
        assert run(folder / "whole", *arguments) == 0, (folder / "whole" / "said.txt").read_text()[-3000:]
        expected, events = contents(folder / "whole"), ended(folder / "whole")
        click.echo(f"whole: {len(expected)} results, {events} starts and ends, {time.monotonic() - started:.0f} s")
        for number in range(kills):
            place, started = folder / f"killed{number}", time.monotonic()
            moment = 1 + round(number * (events - 1) / max(kills - 1, 1))
            code = run(place, *arguments, kill_at=moment)
            again = run(place, *arguments, "-resume")
            wrong = different(contents(place), expected)
            hidden = [path.name for path in (place / "results").rglob(".unmix-*")]
            end = (
                "same bytes, nothing left"
                if (again, wrong, hidden) == (0, [], [])
                else f"FAILED {again} {wrong} {hidden}"
            )
            click.echo(f"kill at {moment} of {events}: exit {code}, {time.monotonic() - started:.0f} s, {end}")


if __name__ == "__main__":
    main()
