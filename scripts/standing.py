"""Write src/unmix/data/real_samples.tsv: each method beside the controls, on real samples.

From docs/real_blood.tsv (five sets of PBMC), and docs/results.tsv (other sets; methods that were run on these alone).
"""

from pathlib import Path

import pandas as pd

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
#: Further sets whose truth is a composition. PBMC: only for methods that were not run on the five sets.
SETS = {
    "pbmc": "PBMC of Monaco",
    "calibration": "PBMC of daism",
    "cell-lines": "mixtures of cell lines",
    "tissues": "mixtures of tissues",
}


def table() -> str:
    """Return method, set, RMSE and that of the better control, with default settings.

    Fractions of cells by published mRNA per cell where these were measured.
    """
    blood = pd.read_csv(ROOT / "docs" / "real_blood.tsv", sep="\t")
    columns = {"RMSE": "rmse", "RMSE of the better control": "control"}
    blood = blood.assign(set=blood["bulk"].map(BLOOD)).rename(columns=columns)[["method", "set", "rmse", "control"]]
    blood = blood[~blood["method"].isin([*CONTROLS, "panel"])]
    results = pd.read_csv(ROOT / "docs" / "results.tsv", sep="\t")
    results = results[(results["recipe"] == "default") & results["pair"].isin(SETS)]
    published = results[["rmse by EPIC", "rmse by quanTIseq"]].mean(axis=1)
    results = results.assign(rmse=published.fillna(results["rmse"])).dropna(subset=["rmse"])
    means = results.groupby(["method", "pair"], sort=True)["rmse"].mean().unstack()
    controls = means.reindex(CONTROLS).min()
    further = pd.DataFrame(
        [(method, SETS[pair], means.loc[method, pair], controls[pair]) for method in means.index for pair in means],
        columns=["method", "set", "rmse", "control"],
    ).dropna()
    known = further["method"].isin(blood["method"]) & further["set"].isin(BLOOD.values())
    further = further[~known & ~further["method"].isin(CONTROLS)]
    found = pd.concat([blood, further])
    order = [*BLOOD.values(), *SETS.values()]
    found = found.sort_values(["method", "set"], key=lambda c: c.map(order.index) if c.name == "set" else c)
    return found.to_csv(sep="\t", index=False, float_format="%.3f", lineterminator="\n")


if __name__ == "__main__":
    OUT.write_text(table(), "utf-8")
