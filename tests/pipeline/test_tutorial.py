"""The commands of the tutorial on nf-core/rnaseq work, on an output folder of its layout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd


def test_tutorial_on_rnaseq(root, demo, tmp_path):
    blocks = re.findall(r"^```bash\n(.*?)^```", (root / "docs/tutorials/rnaseq.md").read_text(), re.M | re.S)
    assert len(blocks) == 4
    bulk = pd.read_csv(demo / "bulk.tsv", sep="\t", index_col=0).iloc[:, :4]
    genes = pd.read_csv(root / "src/unmix/data/genes_human.tsv.gz", sep="\t").drop_duplicates("symbol")
    table = genes.merge(bulk, left_on="symbol", right_index=True).rename(columns={"symbol": "gene_name"})
    (tmp_path / "rnaseq" / "star_salmon").mkdir(parents=True)
    table.to_csv(tmp_path / "rnaseq" / "star_salmon" / "salmon.merged.gene_tpm.tsv", sep="\t", index=False)
    path = os.pathsep.join([str(root / "scripts"), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "UNMIX": str(root), "NXF_ANSI_LOG": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 samples" in done.stdout
    fractions = pd.read_csv(tmp_path / "trial" / "blood" / "fractions.tsv", sep="\t", index_col=0)
    assert list(fractions.index) == list(bulk.columns)
