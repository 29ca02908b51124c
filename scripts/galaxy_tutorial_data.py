"""Write the files of docs/galaxy_tutorial.md: galaxy_tutorial_data.py [FOLDER], results/galaxy-tutorial by default.

The 20 blood samples, single cells and measured fractions of the demo (scripts/demo_data.py), and a table of samples in
two groups: monocytes above and below the median of the cytometry. So the comparison of groups has a known answer.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
DEMO, LABELS = ROOT / ".cache" / "demo", ROOT / "assets" / "demo" / "labels.tsv"


def main(folder: Path) -> None:
    """Write the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (DEMO / "bulk.tsv", DEMO / "pbmc68k_reduced.h5ad", DEMO / "truth.tsv", LABELS):
        shutil.copyfile(path, folder / path.name)
    monocytes = pd.read_csv(DEMO / "truth.tsv", sep="\t", index_col=0).loc["monocytic.lineage"]
    groups = (monocytes > monocytes.median()).map({True: "many_monocytes", False: "few_monocytes"})
    groups.rename("condition").to_csv(folder / "samples.tsv", sep="\t", index_label="sample")
    print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    print(monocytes.groupby(groups).mean().round(3).to_string())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "results" / "galaxy-tutorial")
