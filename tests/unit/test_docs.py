"""The commands of the tutorial work, in the order they stand."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path


def test_tutorial(root, tmp_path):
    page = (root / "docs" / "tutorial.md").read_text()
    blocks = re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    python = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "tutorial.py").write_text("\n".join(python))
    scripts = f"{root / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": scripts, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join([*blocks, "python tutorial.py"])],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "undone" in done.stderr
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert (tmp_path / "results" / "nnls" / "metrics.tsv").exists()
    assert "music skipped: music needs 2 donors" in done.stderr
    assert "Results of Non-negative least squares: 20 samples x" in done.stdout
    assert (tmp_path / "bars.png").stat().st_size > 10_000
    tables = [tmp_path / place / "fractions.tsv" for place in ("run", "from_python", "results/nnls")]
    assert len({table.read_bytes() for table in tables}) == 1


def test_results_name_the_cells_that_were_used(root, shared):
    import anndata

    told = re.search(
        r"Reference: ([\d,]+) single cells of five types of patients", (root / "docs" / "results.md").read_text()
    )
    cells = anndata.read_h5ad(shared / "data" / "sc_newman_nsclc_pbmc" / "counts.h5ad", backed="r").obs["cell_type"]
    assert int(told[1].replace(",", "")) == (cells.astype(str) != "Neutrophil").sum()  # these are dropped


def test_results_are_those_of_their_table(root, monkeypatch):
    monkeypatch.syspath_prepend(root / "scripts")
    for path, text in runpy.run_path(str(root / "scripts" / "results_page.py"))["pages"]().items():
        assert path.read_text("utf-8") == text, f"{path.name} is old: make sync"


def test_pages_of_methods_are_those_of_the_registry(root):
    pages = runpy.run_path(str(root / "scripts" / "method_pages.py"))["pages"]()
    found = set((root / "docs" / "methods").glob("*.md"))
    assert found == {path for path in pages if path.parent.name == "methods"}
    for path, text in pages.items():
        assert path.read_text("utf-8") == text, f"{path.name} is old: make sync"
