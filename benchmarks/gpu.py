"""Every deep method on the CPU and on a CUDA device: the fractions, the seconds of training, the memory of the device.

``python benchmarks/gpu.py --quick`` prints a line per method. Fractions agree if none differs by more than a tolerance:
networks that sum in another order drift apart while they learn, so that the bytes of two devices are not the same.
Without a CUDA device the CPU alone is measured, and the page says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd

from unmix import methods, toy
from unmix.simulate.toy import CELL_TYPES

ROOT = Path(__file__).resolve().parents[1]
#: Largest difference of a fraction between two devices.
TOLERANCE = 0.02
#: Runs a script in this process, and prints the largest memory that torch took from the device.
CHILD = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    if end.code:
        raise
import torch
print("peak", torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0)
"""


def options(method: type, bulk: Path, truth: Path) -> list[object]:
    """Return what a method needs besides the reference."""
    given: list[object] = ["--bulk", bulk] if method.needs.bulk else []
    if method.needs.calibration:
        given += ["--calibration-bulk", bulk, "--calibration-fractions", truth]
    return given + (["--malignant", CELL_TYPES[3]] if method.needs.malignant else [])


def child(script: str, *arguments: object) -> float:
    """Run a script of bin/; return the megabytes of the device."""
    command = [sys.executable, "-c", CHILD, ROOT / "bin" / script, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(done.stderr[-2000:])
    return float(done.stdout.rpartition("peak ")[2]) / 1e6


def measure(name: str, device: str, folder: Path, *more: object) -> tuple[np.ndarray, float, float]:
    """Train and predict; return the fractions, the seconds of training and the megabytes of the device."""
    out = folder / f"{name}.{device}"
    start = time.monotonic()
    memory = child(
        "unmix_train.py", "--method", name, "--device", device, *more, "--out", out.with_suffix(".safetensors"),
        "--", folder / "reference.h5ad",
    )  # fmt: skip
    seconds = time.monotonic() - start
    model = out.with_suffix(".safetensors")
    child("unmix_predict.py", "--device", device, "--out-dir", out, "--", model, folder / "bulk.tsv")
    return pd.read_csv(out / "fractions.tsv", sep="\t", index_col=0).to_numpy(), seconds, memory


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="Train for seconds, to try the script.")
@click.option("--method", "names", multiple=True, help="Deep method; repeatable.  [default: all that learn from cells]")
def main(quick: bool, names: tuple[str, ...]) -> None:
    """Measure every method and print the table."""
    import torch

    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    if devices == ["cpu"]:
        click.echo("# no CUDA device here: the CPU alone is measured, nothing is compared")
    known = methods.all_methods()
    deep = [name for name, one in known.items() if one.info.family == "deep" and not one.needs.profiles]
    rows, apart = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        reference, bulk = toy(genes=2000, donors=3, cells_per_type=100, samples=20)
        reference.write_h5ad(folder / "reference.h5ad")
        bulk.to_df().T.to_csv(folder / "bulk.tsv", sep="\t")
        bulk.obsm["cell_fractions"].to_csv(folder / "truth.tsv", sep="\t")
        for name in names or deep:
            more = [*options(known[name], folder / "bulk.tsv", folder / "truth.tsv"), *(["--quick"] if quick else [])]
            found = {device: measure(name, device, folder, *more) for device in devices}
            row = {"method": name, **{f"{device}_s": round(found[device][1], 1) for device in devices}}
            if "cuda" in found:
                difference = float(np.abs(found["cpu"][0] - found["cuda"][0]).max())
                row |= {"gpu_mb": round(found["cuda"][2]), "largest_difference": round(difference, 4)}
                apart += [name] if difference > TOLERANCE else []
            rows.append(row)
    click.echo(pd.DataFrame(rows).to_csv(sep="\t", index=False))
    if apart:
        raise click.ClickException(f"fractions differ by more than {TOLERANCE}: {', '.join(apart)}")


if __name__ == "__main__":
    main()
