#!/usr/bin/env python
"""Make docs/results.md, its figures and the table of README.md from docs/results.tsv (`make results` measures it)."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
from results_figures import heat_figure, rank_figure, saved

from unmix import methods
from unmix.benchmark.panel import NAME as CONSENSUS
from unmix.benchmark.panel import is_control

ROOT = Path(__file__).resolve().parent.parent
TABLE, PAGE, README = (ROOT / name for name in ("docs/results.tsv", "docs/results.md", "README.md"))
#: The controls that know neither the bulk nor other samples of its kind.
CONTROLS = ["uniform", "reference_mean"]
HEADS = {"r": "r per type", "ccc": "CCC", "rmse": "RMSE", "coverage": "truth in 90 % interval"}
PARTS = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)


@cache
def sets(name: str) -> dict[str, dict[str, Any]]:
    """Return ``samples`` or ``references`` of benchmarks/sets."""
    return tomllib.loads((ROOT / "benchmarks" / "sets" / f"{name}.toml").read_text("utf-8"))


@cache
def measured() -> pd.DataFrame:
    """Return the table of results, with the kind of the samples."""
    table = pd.read_csv(TABLE, sep="\t", dtype={"state": str})
    table["cpu_seconds"] = table["cpu_seconds"].fillna(table["train_cpu_seconds"])
    return table.assign(tissue=table["test"].map({name: facts["tissue"] for name, facts in sets("samples").items()}))


def state(rows: pd.DataFrame) -> str:
    """Return at which commit rows were measured, and with how many seeds."""
    seeds = rows["seed"].nunique()
    return f"commit {', '.join(rows['state'].unique())}, {seeds} seed{'s' * (seeds > 1)}"


def means(recipe: str = "default") -> pd.DataFrame:
    """Return the mean over seeds of every figure: a row per case, test and method."""
    table = measured()
    found = table[(table["recipe"] == recipe) & table["r"].notna()]
    return found.groupby(["tissue", "case", "test", "method"], sort=False).mean(numeric_only=True).reset_index()


def by_tissue(column: str) -> pd.DataFrame:
    """Return a figure of default recipes, methods x tissues: the mean over the tests and references of a tissue."""
    wide = means().pivot_table(index="method", columns="tissue", values=column, sort=False)
    return wide.reindex([name for name in [CONSENSUS, *methods.all_methods()] if name in wide.index])


def ranks(column: str) -> pd.DataFrame:
    """Return ranks by a figure, methods x tissues, from 0 (best) to 100 (last), within every test, then the mean."""
    found = means()[["tissue", "case", "test", "method", column]].dropna()
    groups = found.groupby(["case", "test"])[column]
    found["rank"] = 100 * (groups.rank(ascending=False) - 1) / (groups.transform("size") - 1)
    return found.pivot_table(index="method", columns="tissue", values="rank", sort=False)


def better() -> pd.DataFrame:
    """Return whether the RMSE of a method is below that of both controls, methods x tissues (NaN: no fractions).

    The mean over the tests of a tissue in which the method was run, beside the better control in the same tests.
    """
    found = means()[["tissue", "case", "test", "method", "rmse"]].dropna()
    limit = found[found["method"].isin(CONTROLS)].groupby(["case", "test"])["rmse"].min().rename("limit").reset_index()
    excess = found.merge(limit, on=["case", "test"]).assign(excess=lambda t: t["rmse"] - t["limit"])
    wide = excess.pivot_table(index="method", columns="tissue", values="excess", sort=False)
    return (wide < 0).where(wide.notna()).reindex(columns=by_tissue("rmse").columns)


def shown(name: str, method: str = "") -> str:
    """Return the name of a row: a control, the default answer of unmix, or a method, with its recipe."""
    method = method or name
    if is_control(method):
        return f"*{name}* (control)"
    return f"**{name}** (default answer)" if method == CONSENSUS else name


def enough(found: pd.DataFrame) -> pd.DataFrame:
    """Return the methods that were run on three kinds of samples or more, by their mean."""
    most = found[found.notna().sum(axis=1) >= 3]
    return most.loc[most.mean(axis=1).sort_values(kind="stable").index]


def interval(row: pd.Series, name: str) -> str:
    """Return a figure with its bootstrap interval."""
    if np.isnan(row[name]):
        return ""
    ends = row[f"{name}_lower"], row[f"{name}_upper"]
    value = f"{row[name]:.2f}"
    return value if np.isnan(ends).any() else f"{value} [{ends[0]:.2f}, {ends[1]:.2f}]"


def apart(found: pd.DataFrame) -> float:
    """Return the share of the pairs of methods whose intervals of CCC do not overlap."""
    own = found[["ccc_lower", "ccc_upper"]].dropna().to_numpy()
    over = (own[:, None, 0] > own[None, :, 1]) | (own[:, None, 1] < own[None, :, 0])
    pairs = len(own) * (len(own) - 1)
    return over.sum() / pairs if pairs else np.nan


def set_table(case: str, test: str) -> list[str]:
    """Return the section of a test: what it is, and the figures of every method with bootstrap intervals."""
    table = measured()
    samples, reference = sets("samples")[test], sets("references")[case]
    own = table[(table["case"] == case) & (table["test"] == test)]
    title = f"### {samples['title']}; reference: {reference['title']}"
    lines = ["", title, "", f"{samples['said']} Reference: {reference['said']}. Measured on {state(own)}.", ""]
    ok = own[own["r"].notna()].copy()
    ok["name"] = [
        m + (f" ({recipe})" if recipe != "default" else "")
        for m, recipe in zip(ok["method"], ok["recipe"], strict=True)
    ]
    found = ok.groupby("name", sort=False).mean(numeric_only=True)
    first = ok.drop_duplicates("name").set_index("name")
    spread = ok.groupby("name")["ccc"].std(ddof=0)
    by = "ccc" if found["ccc"].notna().any() else "r"
    seeds = ok["seed"].nunique()
    heads = ["method", "gives", *HEADS.values(), "bias of a type", "CPU s"] + ["deviation of CCC over seeds"] * (
        seeds > 1
    )
    lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, row in found.sort_values(by, ascending=False, kind="stable").iterrows():
        cells = [interval(row, column) for column in HEADS] + ["" if np.isnan(row["bias"]) else f"{row['bias']:.3f}"]
        cells += [f"{row['cpu_seconds']:.0f}"]
        cells += [f"{spread[name]:.3f}" if spread[name] > 0 else ""] * (seeds > 1)
        title = shown(name, first.loc[name, "method"])
        lines.append(f"| {title} | {first.loc[name, 'quantity']} | {' | '.join(cells)} |")
    share = apart(found)
    if not np.isnan(share):
        number = int(ok["samples"].iloc[0])
        noise = ": the order of most rows is noise" if share < 0.5 else ""
        told = (
            f"With {number} samples, {share:.0%} of the pairs of methods have intervals of the CCC that do not overlap"
        )
        lines += ["", f"{told}{noise}."]
    return lines


def reasons() -> list[str]:
    """Return why methods were not applied, or failed, each with the cases."""
    table = measured()
    rest = table[table["why"].notna() & (table["recipe"] == "default")].drop_duplicates(["case", "test", "method"])
    lines = ["| method | where | why |", "|---|---|---|"]
    for (method, status, why), own in rest.groupby(["method", "status", "why"], sort=False):
        where = ", ".join(dict.fromkeys(own["test"].where(own["test"].notna(), own["case"])))
        failed = "failed: " if status == "failed" else ""
        lines.append(f"| {method} | {where} | {failed}{why.replace('|', '/')} |")
    return lines


def rank_table() -> list[str]:
    """Return the table of mean ranks with their spread."""
    by_ccc, by_r, won = ranks("ccc"), ranks("r"), better()
    cpu = means().groupby("method")["cpu_seconds"].median()
    lines = ["| method | tissues | rank by CCC | range | rank by r | range | beats both controls | CPU s, median |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    names = list(enough(by_ccc).index)
    names += [name for name in enough(by_r).index if name not in names]
    for name in names:
        cells = []
        for found in (by_ccc, by_r):
            own = found.loc[name].dropna() if name in found.index else pd.Series(dtype=float)
            cells += [f"{own.mean():.0f}", f"{own.min():.0f}-{own.max():.0f}"] if len(own) else ["", ""]
        own = won.loc[name].dropna() if name in won.index else pd.Series(dtype=float)
        beaten = "" if name in CONTROLS or not len(own) else f"{int(own.sum())} of {len(own)}"
        number = int(by_r.loc[name].notna().sum())
        lines.append(f"| {shown(name)} | {number} | {' | '.join(cells)} | {beaten} | {cpu[name]:.0f} |")
    return lines


def beside_the_default() -> list[str]:
    """Return the table of the default answer and each method, on the sets (with their references) that both have."""
    figures = [means().pivot_table(index=["case", "test"], columns="method", values=name) for name in ("ccc", "rmse")]
    lines = ["| method | sets | CCC: method, default | higher | lowest | RMSE: method, default | lower |"]
    lines.append("|---|---|---|---|---|---|---|")
    if CONSENSUS not in figures[0]:
        return lines
    names = [name for name in figures[0] if name != CONSENSUS and not is_control(name)]
    common = {name: figures[0][[name, CONSENSUS]].dropna().index for name in names}
    for name in sorted(names, key=lambda name: -len(common[name])):
        rows = common[name]
        ccc, rmse = ((found.loc[rows, name], found.loc[rows, CONSENSUS]) for found in figures)
        cells = [name, str(len(rows)), f"{ccc[0].mean():.2f}, {ccc[1].mean():.2f}", f"{(ccc[1] > ccc[0]).sum()}"]
        cells += [f"{ccc[0].min():.2f}, {ccc[1].min():.2f}"]
        cells += [f"{rmse[0].mean():.3f}, {rmse[1].mean():.3f}", f"{(rmse[1] < rmse[0]).sum()}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def missing() -> str:
    """Return on which references not every method was tried, in a sentence; empty if there are none."""
    number = len(methods.all_methods())
    table = measured()
    tried = table[table["method"] != CONSENSUS].groupby(["case", "test"])["method"].nunique().groupby("case").min()
    lacking = {name: int(tried.get(name, 0)) for name in sets("references")}
    told = [f"{name} ({done} of {number} methods)" for name, done in lacking.items() if done < number]
    return f"Not complete: {', '.join(told)}." if told else ""


def overview() -> list[str]:
    """Return the short table of README.md: how many methods beat the controls on every kind of samples."""
    won, agreement, r = better(), by_tissue("ccc"), by_tissue("r")
    n = measured().groupby(["tissue", "test"])["samples"].max().groupby("tissue").sum()
    heads = [
        "samples",
        "n",
        "methods more accurate than both controls",
        "CCC: best, median",
        "r per type: best, median",
    ]
    heads += ["default answer: CCC, r"] * (CONSENSUS in r.index)
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    names = [name for name in r.index if not is_control(name) and name != CONSENSUS]
    for tissue in won.columns:
        own = won[tissue].reindex(names).dropna()
        cells = [f"{int(own.sum())} of {len(own)}" if len(own) else ""]
        for found in (agreement, r):
            values = found.loc[[name for name in names if name in found.index], tissue].dropna()
            cells.append(f"{values.max():.2f}, {values.median():.2f}" if len(values) else "")
        if CONSENSUS in r.index:
            values = [found.loc[CONSENSUS, tissue] for found in (agreement, r)]
            cells.append(", ".join(f"{value:.2f}" for value in values if not np.isnan(value)))
        lines.append(f"| {tissue} | {int(n[tissue])} | {' | '.join(cells)} |")
    return lines


def page() -> str:
    """Return docs/results.md."""
    table = measured()
    drawn = table.drop_duplicates(["case", "test"]).dropna(subset="test")
    costs = table.drop_duplicates(["case", "method", "recipe", "seed"])["cpu_seconds"]
    tables = [set_table(case, test) for case, test in zip(drawn["case"], drawn["test"], strict=True)]
    return Template((ROOT / "scripts" / "results_page.md").read_text("utf-8")).substitute(
        states="; ".join(
            f"{own['test'].nunique()} sets on {state(own)}" for _, own in table.groupby("state", sort=False)
        ),
        seconds=f"{costs.sum():,.0f}",
        missing=missing(),
        ranks="\n".join(rank_table()),
        default="\n".join(beside_the_default()),
        sets="\n".join(line for lines in tables for line in lines),
        reasons="\n".join(reasons()),
    )


def pages() -> dict[Path, str]:
    """Return what is made of the table: the page of results, and README.md with its table."""
    readme = PARTS.sub(lambda found: found[1] + "\n".join(overview()) + "\n" + found[2], README.read_text("utf-8"))
    return {PAGE: page(), README: readme}


def main() -> None:
    """Write page, figures and the table of README.md."""
    saved(rank_figure(enough(ranks("ccc"))), "results_ranks.svg")
    saved(
        heat_figure(by_tissue("ccc").dropna(how="all"), "CCC of every method on every kind of samples"),
        "results_ccc.svg",
    )
    saved(heat_figure(by_tissue("r"), "Mean r per cell type of every method on every kind of samples"), "results_r.svg")
    for path, text in pages().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
