"""What a process imports before it works: modules that it does not need are CPU time of every task of a pipeline."""

from __future__ import annotations

import json
import subprocess
import sys

#: Libraries that a step without networks, simulation and figures has no use for.
HEAVY = {"captum", "gseapy", "matplotlib", "numba", "scanpy", "sklearn", "statsmodels", "torch", "weasyprint"}


def imported(code: str) -> set[str]:
    """Return the modules that a process has after some code."""
    told = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", told], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_prediction_imports_its_method_alone():
    found = imported(
        "import unmix.pipeline.steps, unmix.engine\n"
        "from unmix import methods\n"
        "from unmix.engine import answer, memory\n"
        "methods.get('nnls')"
    )
    assert not found & HEAVY
    assert {name for name in found if name.startswith("unmix.methods.")} == {"unmix.methods.nnls"}


def test_a_name_is_looked_up_without_importing_methods():
    found = imported("from unmix import methods\nassert methods.has('nnls') and not methods.has('consensus')")
    assert not any(name.startswith("unmix.methods.") for name in found)


def test_training_imports_its_method_alone():
    found = imported(
        "import unmix\n"
        "cells = unmix.toy(genes=200, cells_per_type=8, samples=2)[0]\n"
        "unmix.train('nnls', cells, device='cpu', quick=True)"
    )
    assert not found & HEAVY
    assert {name for name in found if name.startswith("unmix.methods.")} == {"unmix.methods.nnls"}


def test_the_check_of_a_bulk_imports_no_engine():
    found = imported("import unmix.pipeline.steps.preparation, unmix.io.check, unmix.reference.prepare")
    assert not found & (HEAVY | {"unmix.engine", "unmix.methods", "scipy.optimize", "scipy.stats"})


def test_tables_are_evaluated_without_anndata(tmp_path):
    table = tmp_path / "fractions.tsv"
    table.write_text("sample\tB cell\tT cell\n" + "".join(f"s{i}\t0.{i}\t0.{10 - i}\n" for i in range(1, 6)))
    found = imported(
        "import unmix.cli, unmix.pipeline.steps\n"
        "from unmix.evaluation import known\n"
        f"known.evaluate({str(table)!r}, {str(table)!r})"
    )
    assert not found & (HEAVY | {"anndata", "h5py", "scipy", "unmix.io.registry"})


def test_training_of_a_network_leaves_the_compiler_of_torch_alone():
    found = imported(
        "import unmix\n"
        "cells = unmix.toy(genes=200, cells_per_type=8, samples=2)[0]\n"
        "settings = ['train.steps=2', 'train.validate_every=1']\n"
        "unmix.train('scaden', cells, settings=settings, device='cpu', quick=True)\n"
        "import gc\n"
        "assert gc.isenabled()"  # it rests while torch is imported
    )
    assert "torch" in found
    assert not found & {"torch._dynamo", "torch._inductor", "sympy"}


def test_the_start_of_a_step_seldom_looks_for_garbage():
    imported(
        "import gc\n"
        "from unmix import cli\n"
        "with cli.run('predict', seed=0, device='cpu', threads=1):\n"
        "    before = gc.get_stats()[0]['collections']\n"
        "    import unmix.engine\n"
        "    assert gc.get_stats()[0]['collections'] - before < 20"
    )
