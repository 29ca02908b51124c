#!/usr/bin/env python
"""Fractions of every method on the toy data and on real PBMC, to see what a change of the code changes.

    .venv/bin/python benchmarks/versions.py fractions.tsv [--before OTHER.tsv]

Deep methods train quickly (their bytes tell as much as a full training's), one seed. With --before the largest
difference of each method is printed. The PBMC need the data beside the project (UNMIX_SHARED).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from unmix import engine, methods
from unmix.errors import UnmixError
from unmix.io import check
from unmix.reference.prepare import prepare_reference
from unmix.simulate.toy import toy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import anndata as ad

    from unmix.contract.method import Needs

SHARED = Path(os.environ.get("UNMIX_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "data"


def toy_case(needs: Needs, folder: Path) -> tuple[ad.AnnData, ad.AnnData, dict[str, Any]]:
    """Return reference, bulk and what else the method is given, of the toy data."""
    reference, bulk = toy()
    given = {"bulk": bulk if needs.bulk else None}
    if needs.calibration:
        other = toy(seed=7)[1]
        given["calibration"] = other, other.obsm["cell_fractions"]
    if needs.malignant:
        given["malignant"] = ("Monocyte/Macrophage", "NK")
    if needs.gene_sets:
        path, genes = folder / "sets.gmt", reference.var_names
        sets = {"StromalSignature": 0, "ImmuneSignature": 40}
        path.write_text("".join(f"{name}\t\t" + "\t".join(genes[at : at + 40]) + "\n" for name, at in sets.items()))
        given["gene_sets"] = [path]
    return reference, bulk, given


def pbmc_case(needs: Needs, folder: Path) -> tuple[ad.AnnData, ad.AnnData, dict[str, Any]]:
    """Return the same of PBMC."""
    source, bulk = SHARED / "sc_newman_nsclc_pbmc" / "counts.h5ad", SHARED / "pbmc_monaco_gse107011" / "bulk.tsv.gz"
    reference = prepare_reference([source], "cell_type", "none", label_map={"Neutrophil": ""})
    samples = check.read_bulk(bulk, "tpm", list(reference.var_names))
    return reference, samples, {"bulk": samples if needs.bulk else None}


def rows(case: str, load: Callable[..., Any], names: set[str]) -> Iterator[pd.DataFrame]:
    """Yield the long table of fractions of every method and recipe."""
    with tempfile.TemporaryDirectory() as folder:
        for name, method in methods.all_methods().items():
            if names and name not in names:
                continue
            for recipe in method.recipes:
                if method.info.family == "deep" and recipe != "default":
                    continue
                try:
                    reference, bulk, given = load(method.needs, Path(folder))
                    if method.needs.profiles:
                        reference.uns["unmix"] = {**reference.uns["unmix"], "kind": "profiles"}
                    model = engine.train(name, reference, recipe=recipe, quick=True, seed=0, device="cpu", **given)
                    found = engine.predict(model, bulk, device="cpu")
                except UnmixError as error:
                    print(case, name, recipe, type(error).__name__, error.found, flush=True)
                    continue
                print(case, name, recipe, "ok", flush=True)
                table = found.long()
                yield table.assign(case=case, method=name, recipe=recipe)


def main() -> None:
    """Write the table; compare it where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    names = set(filter(None, given.only.split(",")))
    cases = {"toy": toy_case, **({"pbmc": pbmc_case} if SHARED.is_dir() else {})}
    table = pd.concat([part for case, load in cases.items() for part in rows(case, load, names)])
    table.to_csv(given.out, sep="\t", index=False)
    if given.before:
        keys = ["case", "method", "recipe", "sample", "cell_type"]
        both = table.merge(pd.read_csv(given.before, sep="\t"), on=keys, suffixes=("", "_before"))
        for end in ("fraction", "lower", "upper"):
            both[end] = (both[end] - both[f"{end}_before"]).abs()
        print(both.groupby(["case", "method", "recipe"], sort=False)[["fraction", "lower", "upper"]].max().to_string())


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
