"""One samplesheet without a container, in one, and through SLURM: the same bytes, and what an engine adds to a task.

``python -m benchmarks.engines --engine native --engine docker --engine slurm``, from the root of the repository.
docker is podman behind containers/ci/docker where there is podman; slurm is a SLURM of one node that is started for
the run (root, with Debian's packages). Seconds and memory of every process are those of Nextflow's trace.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import click
import pandas as pd
from tests.pipeline import kills, slurm

ROOT = Path(__file__).resolve().parents[1]
PROFILES = {"native": "test", "docker": "test,docker", "slurm": "test,slurm"}
#: Files that hold the command.
COMMANDS = ("index.html", "request.json")
CONFIG = "trace.raw = true\nexecutor.exitReadTimeout = '20 sec'\nexecutor.queueStatInterval = '1 sec'\n"


def environment(engine: str, folder: Path, stack: contextlib.ExitStack) -> dict[str, str]:
    """Return what an engine needs in its environment; SLURM is started."""
    if engine == "slurm":
        if why := slurm.missing():
            raise click.ClickException(why)
        return stack.enter_context(slurm.running(folder / "node"))
    if engine == "docker" and shutil.which("podman"):
        return {"PATH": f"{ROOT / 'containers' / 'ci'}:{os.environ['PATH']}"}
    return {}


def run(engine: str, folder: Path, arguments: list[str], settings: dict[str, str]) -> tuple[float, pd.DataFrame]:
    """Run the toy sheet; return the seconds of the whole and the trace (bytes, milliseconds)."""
    folder.mkdir(parents=True)
    (folder / "engine.config").write_text(CONFIG)
    command = [ROOT / "scripts" / "nextflow", "run", ROOT, "-profile", PROFILES[engine], "-c", "engine.config"]
    command += [*arguments, "--controls", "none"]
    start = time.monotonic()
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, "NXF_ANSI_LOG": "false", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise click.ClickException(f"{engine}: {done.stdout[-2000:]}")
    seconds = time.monotonic() - start
    path = max((folder / "results" / "pipeline_info").glob("trace_*.txt"))
    trace = pd.read_csv(path, sep="\t", na_values="-")
    trace["process"] = trace["name"].str.partition(" ")[0].str.rpartition(":")[2]
    return seconds, trace


@click.command(help=__doc__)
@click.option("--engine", "engines", type=click.Choice(list(PROFILES)), multiple=True, default=["native"])
@click.option("--methods", default="nnls,scaden", show_default=True)
@click.option("--container", help="Image for docker.  [default: localhost/unmix:VERSION]")
def main(engines: tuple[str, ...], methods: str, container: str | None) -> None:
    """Run the engines and print their figures."""
    arguments = ["--methods", methods, *(["--container", container] if container else [])]
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        rows, first = [], None
        for engine in engines:
            folder = Path(temporary) / engine
            seconds, trace = run(engine, folder, arguments, environment(engine, Path(temporary), stack))
            found = {name: data for name, data in kills.contents(folder).items() if not name.endswith(COMMANDS)}
            first = first or found
            rows.append(
                {
                    "engine": engine,
                    "tasks": len(trace),
                    "whole_s": round(seconds, 1),
                    "task_s": round(trace["realtime"].mean() / 1000, 2),
                    "overhead_s": round((trace["duration"] - trace["realtime"]).mean() / 1000, 2),
                    "bytes": "same" if not kills.different(found, first) else f"{kills.different(found, first)}",
                }
            )
            if engine == engines[0]:
                use = trace.groupby("process").agg(
                    tasks=("name", "size"), seconds=("realtime", "max"), peak_mb=("peak_rss", "max")
                )
                use["seconds"], use["peak_mb"] = (use["seconds"] / 1000).round(1), (use["peak_mb"] / 1e6).round(0)
                click.echo(use.to_csv(sep="\t"))
        click.echo(pd.DataFrame(rows).to_csv(sep="\t", index=False))


if __name__ == "__main__":
    main()
