"""Write src/unmix/data/real_samples.tsv from docs/results.tsv: each method beside the controls, on real samples."""

from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "src" / "unmix" / "data" / "real_samples.tsv"
#: Controls that know neither the bulk nor other samples of its kind.
CONTROLS = ["uniform", "reference_mean"]
#: Sets of real samples, as they are named in sentences; those whose truth is a composition.
SETS = {
    "pbmc": "PBMC (12 samples)",
    "calibration": "PBMC (20 samples)",
    "cell-lines": "mixtures of cell lines",
    "tissues": "mixtures of tissues",
}


def table() -> str:
    """Return method, set, RMSE and that of the better control: means over seeds, default settings.

    Fractions of cells by published mRNA per cell where these were measured, the mean of EPIC's and quanTIseq's.
    """
    results = pd.read_csv(ROOT / "docs" / "results.tsv", sep="\t")
    results = results[(results["recipe"] == "default") & results["pair"].isin(SETS)]
    published = results[["rmse by EPIC", "rmse by quanTIseq"]].mean(axis=1)
    results = results.assign(rmse=published.fillna(results["rmse"])).dropna(subset=["rmse"])
    means = results.groupby(["method", "pair"], sort=True)["rmse"].mean().unstack()
    controls = means.reindex(CONTROLS).min()
    rows = [
        f"{method}\t{SETS[pair]}\t{means.loc[method, pair]:.3f}\t{controls[pair]:.3f}"
        for method in means.index.difference(CONTROLS)
        for pair in SETS
        if pair in means and pd.notna(means.loc[method, pair])
    ]
    return "\n".join(["method\tset\trmse\tcontrol", *rows]) + "\n"


if __name__ == "__main__":
    OUT.write_text(table(), "utf-8")
