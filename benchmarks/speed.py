"""Simulation, training, prediction and start-up against their limits, on one core, in one run; prints ratios.

benchmarks/speed.py [simulation] [published] [default] [check] [start] [--write]; `--write` puts the table into
docs/performance.md. Ratios are of CPU times of one run, and so nearly independent of the machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402 - the bounds above must come before
import page  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "bin"
SHARED = Path(os.environ.get("UNMIX_SHARED", ROOT.parent / "shared"))
#: The original Scaden on the common case: RMSE, and user CPU seconds of its training.
ORIGINAL_RMSE, ORIGINAL_SECONDS = 0.073, 974
#: Steps of a training that is compared with a plain loop.
STEPS = 60
#: The rows printed so far: what, measured, limit, ratio.
ROWS: list[list[str]] = []

#: Runs a command and prints what it alone has used.
CHILD = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def main() -> None:
    """Run the parts and print one line for each figure."""
    parts = {"simulation": simulation, "published": published, "default": default, "check": check, "start": start}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(parts))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command([sys.executable, SHARED / "peers" / "make_case.py", "--out", folder / "case"])
        script("unmix_reference.py", folder / "case/ref.h5ad", "--cell-type-key", "Celltype", "--donor-key", "donor",
               "--preset", "none", "--out", folder / "reference.h5ad")  # fmt: skip
        print(f"{'part':<62}{'measured':>12}{'limit':>10}{'ratio':>8}")
        for part in given.parts:
            parts[part](folder)
    if given.write:
        page.write("benchmark", ["part", "measured", "limit", "measured / limit"], ROWS)


def start(_: Path) -> None:
    """Time the help of every script."""
    for path in sorted(BIN.glob("unmix_*.py")):
        row(f"{path.name} --help, CPU s", script(path.name, "--help")[0], 0.5)


def simulation(folder: Path) -> None:
    """Compare the sums of cells with a dense product, and time the whole command."""
    cells, recipe, rng = reference(folder), recipe_of_simulation(), np.random.default_rng(0)
    from unmix.simulate.pseudobulk import Simulator

    simulator = Simulator(cells, recipe, rng)
    simulator.draw(256, rng)  # makes its dense copy of the counts
    chosen = np.zeros((1000, cells.counts.shape[0]), np.float32)
    chosen[:, :500] = 1
    dense = cells.counts.toarray()
    ours = theirs = 0.0
    for _ in range(5):  # in turn, so that a drift of the machine's speed hits both
        ours += seconds(lambda: simulator.draw(1000, rng))
        theirs += seconds(lambda: chosen @ dense)
    row("simulation, CPU s (limit: 1.1 x dense product)", ours, 1.1 * theirs)
    used, _ = script("unmix_simulate.py", folder / "reference.h5ad", "--samples", "5000", "--cells", "500",
                     "--out", folder / "pseudobulk.h5ad", "--quiet")  # fmt: skip
    row("whole command unmix_simulate.py, CPU s", used, 4)


def check(folder: Path) -> None:
    """Check 20,000 Ensembl genes x 100 samples, and compare with what it cannot do without: anndata and the reading."""
    import pandas as pd

    from unmix.io import gene_tables

    rng, genes = np.random.default_rng(0), sorted(gene_tables.symbols("human"))[:20_000]
    means = rng.gamma(0.3, 600, (len(genes), 1))
    counts = rng.negative_binomial(4, 4 / (4 + means), (len(genes), 100))
    bulk = folder / "many.tsv"
    pd.DataFrame(counts, genes, [f"s{number}" for number in range(100)]).to_csv(bulk, sep="\t", index_label="gene")
    reading = f"import pandas; pandas.read_csv({str(bulk)!r}, sep='\t', index_col=0)"
    least = sum(command([sys.executable, "-c", code])[0] for code in ("import anndata", reading))
    used, _ = script("unmix_check.py", bulk, "--out-dir", folder / "check", "--quiet")
    row("check of 20,000 x 100, CPU s", used, 1.5)
    row("  limit: 1.3 x import anndata and pandas.read_csv", used, 1.3 * least)


def published(folder: Path) -> None:
    """Compare published recipes with plain loops of torch, at equal steps on equal pseudobulk."""
    import torch

    from unmix import methods
    from unmix.contract.method import Task
    from unmix.deep.preprocessing import Transform
    from unmix.deep.trainer import Session
    from unmix.settings import override
    from unmix.simulate.pseudobulk import Simulator

    once = torch.ones(1, requires_grad=True)
    once.sum().backward()
    torch.optim.Adam([once]).step()  # imports what the first step of a process imports
    for name, loop in (("scaden", plain_scaden), ("tape", plain_tape), ("dissect", plain_dissect)):
        method = methods.get(name)
        steps = [f"train.steps={STEPS}", "train.validate_every=1000"]
        recipe = override(method.recipes["published"], steps)
        cells, rng = reference(folder), np.random.default_rng(0)
        pseudobulk = Simulator(cells, recipe.simulation, rng).draw(1000, rng)
        transform = Transform.fit(recipe.prep, pseudobulk.expression)
        inputs, truth = transform(pseudobulk.expression), pseudobulk.cell_fractions.astype(np.float32)
        mixed = method.needs.bulk  # real samples are mixed into the expression of pseudobulk
        pool = (pseudobulk.expression if mixed else inputs, truth)
        bulk = pseudobulk.expression[:1] if mixed else None
        task = Task(cells, cells, recipe, rng, "cpu", lambda _: None, lambda *_: None, bulk=bulk)
        session = Session(task, recipe, None, transform, pool, "cpu", np.arange(inputs.shape[1]), None)
        network = method.network(recipe, inputs.shape[1], truth.shape[1], torch.Generator().manual_seed(0))
        few = (inputs[:2], truth[:2])
        ours = seconds(lambda m=method, n=network, s=session, f=few: m._train(n, s, f))
        theirs = seconds(lambda r=recipe, values=pool, p=loop, g=rng: p(r, *values, g))
        row(f"published {name}, {STEPS} steps, CPU s (limit: 0.6 x plain loop)", ours, 0.6 * theirs)


def plain_scaden(recipe: Any, inputs: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> None:
    """Train three networks one after the other."""
    import torch

    for net in recipe.nets:
        widths, layers = [inputs.shape[1], *net.hidden], []
        for before, after, rate in zip(widths[:-1], widths[1:], net.dropout or [0] * len(net.hidden), strict=True):
            layers += [torch.nn.Linear(before, after), torch.nn.ReLU(), torch.nn.Dropout(rate)]
        model = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], truth.shape[1]), torch.nn.Softmax(1))
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)
        for x, y in batches(inputs, truth, rng):
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(model(x), y).backward()
            optimiser.step()


def plain_tape(recipe: Any, inputs: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> None:
    """Train an autoencoder whose decoder's weights multiply to the signature."""
    import torch

    widths, rates, layers = [inputs.shape[1], *recipe.nets[0].hidden, truth.shape[1]], [0.5] * 4 + [0.0] * 2, []
    for before, after, rate in zip(widths[:-1], widths[1:], rates, strict=False):
        layers += [torch.nn.Dropout(rate), torch.nn.Linear(before, after), torch.nn.CELU()]
    encoder = torch.nn.Sequential(*layers[:-1])
    decoder = [
        torch.nn.Linear(before, after, bias=False) for before, after in zip(widths[:0:-1], widths[-2::-1], strict=True)
    ]
    optimiser = torch.optim.Adam([p for part in (encoder, *decoder) for p in part.parameters()], lr=1e-4)
    for x, y in batches(inputs, truth, rng):
        optimiser.zero_grad()
        fractions, signature = encoder(x), decoder[0].weight.T
        for layer in decoder[1:]:
            signature = signature @ layer.weight.T
        rebuilt = fractions @ signature.relu()
        loss = torch.nn.functional.l1_loss
        (loss(fractions, y) + loss(rebuilt, x)).backward()
        optimiser.step()


def plain_dissect(recipe: Any, expression: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> None:
    """Train five networks one after the other; once consistency counts, a real sample is mixed into pseudobulk."""
    import torch

    from unmix.io.units import per_million

    def scaled(values: np.ndarray) -> torch.Tensor:
        logs = np.log2(values + 1)
        low, high = logs.min(1, keepdims=True), logs.max(1, keepdims=True)
        return torch.from_numpy(((logs - low) / (high - low)).astype(np.float32))

    for net in recipe.nets:
        widths, layers = [expression.shape[1], *net.hidden], []
        for before, after in pairwise(widths):
            layers += [torch.nn.Linear(before, after), torch.nn.ReLU6()]
        model = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], truth.shape[1]), torch.nn.Softmax(1))
        optimiser = torch.optim.Adam(model.parameters(), lr=recipe.train.lr)
        for step in range(STEPS):
            chosen = rng.integers(0, len(expression), recipe.train.batch)
            drawn, real = per_million(expression[chosen]), per_million(expression[:1])
            weight = recipe.consistency[sum(step / STEPS >= end for end in recipe.until)]
            optimiser.zero_grad()
            found = model(scaled(drawn))
            loss = torch.nn.functional.kl_div(found.log(), torch.from_numpy(truth[chosen]), reduction="batchmean")
            if weight:
                share = rng.uniform(recipe.low, recipe.high)
                both, theirs = model(scaled(share * real + (1 - share) * drawn)), model(scaled(real))
                loss = loss + weight * torch.nn.functional.mse_loss(both, share * theirs + (1 - share) * found)
            loss.backward()
            optimiser.step()


def batches(inputs: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    """Return batches of 128 samples for the steps of a loop."""
    import torch

    for _ in range(STEPS):
        chosen = rng.integers(0, len(inputs), 128)
        yield torch.from_numpy(inputs[chosen]), torch.from_numpy(truth[chosen])


def default(folder: Path) -> None:
    """Train and predict the common case with the default recipe, as a user would."""
    model, out = folder / "model.safetensors", folder / "fractions"
    idle = command([sys.executable, "-c", "import torch"])[1]
    used, memory = script("unmix_train.py", folder / "reference.h5ad", "--method", "scaden", "--device", "cpu",
                          "--threads", "1", "--quiet", "--out", model)  # fmt: skip
    row("default Scaden, training, CPU s (original 974)", used, ORIGINAL_SECONDS / 10)
    row("  peak memory above torch, MB", memory - idle, 1500)
    bulk = folder / "case/bulk_genes_x_samples.txt"
    row(
        "  prediction of 100 samples, CPU s",
        script("unmix_predict.py", model, bulk, "--out-dir", out, "--quiet")[0],
        10,
    )
    import pandas as pd

    truth = pd.read_csv(folder / "case/truth.csv", index_col=0)
    fractions = pd.read_csv(out / "fractions.tsv", sep="\t", index_col=0).loc[truth.index, truth.columns]
    row("  RMSE on the case (original 0.073)", float(np.sqrt(((fractions - truth) ** 2).to_numpy().mean())), 0.064)


def reference(folder: Path):  # noqa: ANN201 - imports late
    """Return the cells of the case."""
    from unmix.reference import Reference
    from unmix.reference.prepare import read_reference

    return Reference.from_anndata(read_reference(folder / "reference.h5ad"))


def recipe_of_simulation():  # noqa: ANN201 - imports late
    """Return the default simulation."""
    from unmix.simulate.recipe import Simulation

    return Simulation(cells=500)


def seconds(function) -> float:  # noqa: ANN001 - any callable
    """Return the CPU seconds of a call."""
    started = time.process_time()
    function()
    return time.process_time() - started


def script(name: str, *arguments: object) -> tuple[float, float]:
    """Run a script of bin/; return CPU seconds and peak memory (MB)."""
    return command([sys.executable, BIN / name, *arguments])


def command(arguments: list[object]) -> tuple[float, float]:
    """Run a command in a process of its own; return CPU seconds and peak memory (MB)."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, arguments)], check=True, capture_output=True, text=True
    )
    used, memory = done.stdout.split()
    return float(used), float(memory)


def row(part: str, measured: float, limit: float) -> None:
    """Print one line; a ratio above 1 misses the limit."""
    ROWS.append([part.strip(), f"{measured:.4g}", f"{limit:.4g}", f"{measured / limit:.2f}"])
    print(f"{part:<62}{measured:>12.4g}{limit:>10.4g}{measured / limit:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
