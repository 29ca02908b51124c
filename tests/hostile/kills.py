"""Steps killed at moments that are spread over what they do to the disk."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from tests.hostile import forks

from unmix import toy
from unmix.io import check, tables

if TYPE_CHECKING:
    from pathlib import Path

#: What Python tells its hooks when files are opened, moved or removed: what a step does to the disk.
EVENTS = ("open", "os.", "shutil.", "tempfile.")


def make_files(folder: Path) -> None:
    """Write the inputs of all steps."""
    reference, bulk = toy(genes=100, cells_per_type=4, donors=3, samples=4)
    reference.write_h5ad(folder / "reference.h5ad")
    reference.uns.pop("unmix")
    reference.write_h5ad(folder / "cells.h5ad")
    tables.write_table(bulk.to_df().T.astype(int), folder / "table.tsv", "gene")
    check.read_bulk(folder / "table.tsv").write_h5ad(folder / "bulk.h5ad")
    tables.write_table(bulk.obsm["cell_fractions"], folder / "truth.tsv", "sample")
    short = ("--set", "train.steps=4", "--set", "train.validate_every=2")
    for method, settings in {"nnls": (), "dissect": (*short, "--set", "expression.steps=1")}.items():
        more = ("--bulk", folder / "bulk.h5ad") if method == "dissect" else ()
        command = "train", folder / "reference.h5ad", "--method", method, *settings, *more
        code, said = forks.run(*command, "--out", folder / f"{method}.safetensors")
        assert code == 0, said
    for method in ("nnls", "dissect"):
        out = folder / "results" / method
        code, said = forks.run("predict", folder / f"{method}.safetensors", folder / "bulk.h5ad", "--out-dir", out)
        assert code == 0, said
    groups = [f"{name}\t{'ab'[number % 2]}" for number, name in enumerate(bulk.obs_names)]
    lines = ["id\tmethod\tstatus\tstep\tfound\tdo", "toy\tnnls\tdone\t\t\t"]
    (folder / "summary.tsv").write_text("\n".join(lines) + "\n")
    code, said = forks.run("report", folder / "results", "--out", folder / "page.html", "--tables", folder / "beside")
    assert code == 0, said
    (folder / "beside" / "report.json").rename(folder / "toy.json")
    (folder / "samples.tsv").write_text("\n".join(["sample\tcondition", *groups]) + "\n")


def command(step: str, files: Path, out: Path) -> list[object]:
    """Return the command line of a step that writes into the folder `out`."""
    short = ["--set", "train.steps=6", "--set", "train.validate_every=2"]
    bulk, reference = files / "bulk.h5ad", files / "reference.h5ad"
    long = [files / "results" / method / "fractions_long.tsv" for method in ("nnls", "dissect")]
    return {
        "check": ["check", files / "table.tsv", "--out-dir", out],
        "reference": [
            *("reference", files / "cells.h5ad", "--cell-type-key", "cell_type", "--donor-key", "donor"),
            *("--preset", "none", "--out", out / "reference.h5ad", "--report", out / "page.html"),
        ],
        "simulate": ["simulate", reference, "--samples", 3, "--cells", 20, "--out", out / "pseudobulk.h5ad"],
        "train": ["train", reference, "--method", "nnls", "--out", out / "model.safetensors"],
        "train a network": ["train", reference, "--method", "scaden", *short, "--out", out / "model.safetensors"],
        "predict": ["predict", files / "nnls.safetensors", bulk, "--out-dir", out],
        "explain": ["explain", files / "nnls.safetensors", bulk, "--out", out / "attributions.tsv"],
        "express": ["express", files / "dissect.safetensors", bulk, "--out", out / "expression.h5ad"],
        "evaluate": [
            *("evaluate", files / "results" / "nnls" / "fractions.tsv", files / "truth.tsv"),
            *("--pairs", out / "pairs.tsv", "--out", out / "metrics.tsv"),
        ],
        "consensus": ["consensus", *long, "--out-dir", out],
        "several references": [
            *("predict", files / "nnls.safetensors", bulk, "--also", files / "nnls.safetensors", "--out-dir", out),
        ],
        "compare": ["compare", long[0], "--samples", files / "samples.tsv", "--draws", 3, "--out-dir", out],
        "run": [
            *("run", files / "table.tsv", reference, "--methods", "nnls", "--controls", "uniform", "--quick"),
            *("--out-dir", out),
        ],
        "report": ["report", files / "results", "--out", out / "report.html", "--tables", out],
        "index": ["index", files / "summary.tsv", files / "toy.json", "--out", out / "index.html"],
    }[step]


#: Of a run: what is made of its records.
PAGES = ("report.html", "report.json", "tables.xlsx")

STEPS = ("check", "reference", "simulate", "train", "train a network", "predict", "several references", "explain")
STEPS += ("express", "evaluate", "consensus", "compare", "run", "report", "index")


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files but the records, which hold times and the folder, and the pages made of them."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    of_a_run = (folder / "models").exists()
    return {
        name: data
        for name, data in found.items()
        if not name.endswith(("run.json", "request.json")) and not (of_a_run and name in PAGES)
    }


def counted(tell: int) -> None:
    """Write the number of events so far to a file descriptor when the process exits."""
    seen = [0]

    def hook(event: str, _: object) -> None:
        seen[0] += event.startswith(EVENTS)

    sys.addaudithook(hook)
    leave = os._exit
    os._exit = lambda code: (os.write(tell, str(seen[0]).encode()), leave(code))


def killed_at(moment: int) -> None:
    """Kill this process at an event."""
    seen = [0]

    def hook(event: str, _: object) -> None:
        if event.startswith(EVENTS):
            seen[0] += 1
            if seen[0] == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def killed(step: str, files: Path, folder: Path, number: int) -> tuple[int, int]:
    """Kill a step at moments, each time where the one before has left it, and run it to its end.

    Nothing half written is seen after any kill; at the end there are the bytes of a run that was not killed, and
    nothing else.

    Parameters
    ----------
    step
        Of :data:`STEPS`.
    files, folder
        Of :func:`make_files`; an empty one.
    number
        Of moments: half of them over the whole step, half over its end, where the outputs are moved.

    Returns
    -------
    tuple
        How many of them killed it (the last can come after its end, and a training that goes on has fewer), and what it
        does to the disk in all.
    """
    read, tell = os.pipe()
    whole, out = folder / "whole", folder / "killed"
    whole.mkdir()
    out.mkdir()
    code, said = forks.run(*command(step, files, whole), before=lambda: counted(tell))
    assert code == 0, said
    events = int(os.read(read, 20))
    os.close(read)
    os.close(tell)
    expected = contents(whole)
    moments = {round(events * (i + 0.5) / (number - number // 2)) for i in range(number - number // 2)}
    moments |= {events - 3 * i - 1 for i in range(number - len(moments))}
    died = 0
    for moment in sorted(moments):
        code, said = forks.run(*command(step, files, out), before=lambda moment=moment: killed_at(moment))
        assert code in (-signal.SIGKILL, 0), (moment, events, said)
        died += code != 0
        shown = {name: data for name, data in contents(out).items() if "/." not in f"/{name}"}
        assert shown.items() <= expected.items(), (moment, sorted(shown))
    code, said = forks.run(*command(step, files, out))
    assert code == 0, said
    assert contents(out) == expected, sorted(contents(out))
    return died, events
