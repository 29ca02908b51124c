"""Write src/unmix/data/real_samples.tsv: each method beside the controls, on real samples.

From docs/real_blood.tsv (five sets of PBMC), and docs/results.tsv (other sets; methods that were run on these alone).
Both are measured with default recipes.
"""

from pathlib import Path

import pandas as pd

from unmix.benchmark.panel import NAME as CONSENSUS

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "src" / "unmix" / "data" / "real_samples.tsv"
#: Controls that know neither the bulk nor other samples of its kind.
CONTROLS = ["uniform", "reference_mean"]
#: Sets of PBMC with flow cytometry, as they are named in sentences.
BLOOD = {
    "monaco": "PBMC of Monaco",
    "sdy67": "PBMC of SDY67",
    "sdy420": "PBMC of SDY420",
    "gse65133": "PBMC of GSE65133",
    "daism": "PBMC of daism",
}
#: Kinds of samples of docs/results.tsv, as they are named in sentences. PBMC: only for methods that were not run on the
# five sets. Those of too few or simulated samples are left out, and purities, which are no compositions.
SETS = {
    **BLOOD,
    "daism-test": "PBMC of daism",
    "shenorr-blood": "whole blood of GSE20300",
    "deconvseq": "whole blood of deconvSeq (500 genes)",
    "becht": "immune cells in a tumour line",
    "cell-lines": "mixtures of cell lines",
    "kuhn": "mixtures of rat brain cells",
    "kuhn-human": "mixtures of rat brain cells by human cells",
    "shenorr-tissues": "mixtures of tissues",
}


def table() -> str:
    """Return method, set, RMSE and that of the better control, with default settings.

    Fractions of cells by published mRNA per cell where these were measured.
    """
    blood = pd.read_csv(ROOT / "docs" / "real_blood.tsv", sep="\t")
    columns = {"RMSE": "rmse", "RMSE of the better control": "control"}
    blood = blood.assign(set=blood["bulk"].map(BLOOD)).rename(columns=columns)[["method", "set", "rmse", "control"]]
    blood = blood[~blood["method"].isin([*CONTROLS, "panel"])]
    results = pd.read_csv(ROOT / "docs" / "results.tsv", sep="\t", comment="#")
    results = results[(results["recipe"] == "default") & results["test"].isin(SETS)].dropna(subset=["rmse"])
    results = results[results["method"] != CONSENSUS]
    results = results.assign(set=results["test"].map(SETS))
    means = results.groupby(["method", "set"], sort=True)["rmse"].mean().unstack()
    controls = means.reindex(CONTROLS).min()
    further = pd.DataFrame(
        [(method, name, means.loc[method, name], controls[name]) for method in means.index for name in means],
        columns=["method", "set", "rmse", "control"],
    ).dropna()
    known = further["method"].isin(blood["method"]) & further["set"].isin(BLOOD.values())
    further = further[~known & ~further["method"].isin(CONTROLS)]
    found = pd.concat([blood, further])
    order = list(dict.fromkeys(SETS.values()))
    found = found.sort_values(["method", "set"], key=lambda c: c.map(order.index) if c.name == "set" else c)
    return found.to_csv(sep="\t", index=False, float_format="%.3f", lineterminator="\n")


if __name__ == "__main__":
    OUT.write_text(table(), "utf-8")
