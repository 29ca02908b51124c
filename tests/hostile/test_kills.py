"""kill -9 at ten moments of every step: nothing half written, and the same bytes after the next run, which cleans."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from tests.hostile import forks

from unmix import toy
from unmix.io import check, tables

if TYPE_CHECKING:
    from pathlib import Path

MOMENTS = 10
#: What Python tells its hooks when files are opened, moved or removed: what a step does to the disk.
EVENTS = ("open", "os.", "shutil.", "tempfile.")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
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
    code, said = forks.run(
        "predict", folder / "nnls.safetensors", folder / "bulk.h5ad", "--out-dir", folder / "results" / "nnls"
    )
    assert code == 0, said
    return folder


def command(step: str, files: Path, out: Path) -> list[object]:
    """Return the command line of a step that writes into the folder `out`."""
    short = ["--set", "train.steps=6", "--set", "train.validate_every=2"]
    bulk, reference = files / "bulk.h5ad", files / "reference.h5ad"
    return {
        "check": ["check", files / "table.tsv", "--out-dir", out],
        "reference": [
            *("reference", files / "cells.h5ad", "--cell-type-key", "cell_type", "--donor-key", "donor"),
            *("--preset", "none", "--out", out / "reference.h5ad"),
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
        "report": ["report", files / "results", "--out", out / "report.html"],
    }[step]


STEPS = ["check", "reference", "simulate", "train", "train a network", "predict", "explain", "express", "evaluate"]
STEPS.append("report")


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files but the run records, which hold times."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.endswith("run.json")}


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


@pytest.mark.parametrize("step", STEPS)
def test_a_step_killed_at_ten_moments_ends_with_the_same_bytes(files, tmp_path, step):
    read, tell = os.pipe()
    whole = tmp_path / "whole"
    whole.mkdir()
    code, said = forks.run(*command(step, files, whole), before=lambda: counted(tell))
    assert code == 0, said
    events = int(os.read(read, 20))
    expected, out = contents(whole), tmp_path / "killed"
    # half of the moments over the whole step, half over its end, where the outputs are moved
    moments = {round(events * (i + 0.5) / (MOMENTS // 2)) for i in range(MOMENTS // 2)}
    moments |= {events - 3 * i - 1 for i in range(MOMENTS - len(moments))}
    out.mkdir()
    died = 0
    for moment in sorted(moments):  # each finds what the ones before have left
        code, said = forks.run(*command(step, files, out), before=lambda moment=moment: killed_at(moment))
        assert code in (-signal.SIGKILL, 0), (moment, events, said)
        died += code != 0
        shown = {name: data for name, data in contents(out).items() if not name.startswith(".")}
        assert shown.items() <= expected.items(), (moment, sorted(shown))  # nothing half written
    # A training that goes on has fewer moments; the last moment of another step can come after its end
    assert died >= (MOMENTS / 2 if step == "train a network" else MOMENTS - 1)
    code, said = forks.run(*command(step, files, out))
    assert code == 0, said
    assert contents(out) == expected  # the same bytes, nothing left behind
