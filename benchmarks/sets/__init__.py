"""Real sets of known composition as cases of the benchmark: samples.toml and references.toml say what they are."""

from __future__ import annotations

import os
import shutil
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anndata as ad
import pandas as pd

from unmix.benchmark.case import Calibration, Case, Test
from unmix.io import check, tables
from unmix.reference.prepare import prepare_reference
from unmix.simulate.pseudobulk import pseudobulk
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("UNMIX_SHARED", ROOT.parent / "shared"))
DEMO = ROOT / ".cache" / "demo"


@cache
def described(name: str) -> dict[str, dict[str, Any]]:
    """Return ``samples`` or ``references``, as their file describes them."""
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text("utf-8"))


def place(name: str) -> Path:
    """Return the path of a file of the sets."""
    return DEMO / name.removeprefix("DEMO/") if name.startswith("DEMO/") else SHARED / "data" / name


def make(names: Iterable[str], out: Path) -> Iterator[Case]:
    """Write the cases of some references into folders of their names below `out`, and yield them."""
    for name in names:
        facts, folder = described("references")[name], out / name
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "tests").mkdir(parents=True)
        reference = _reference(facts)
        reference.write_h5ad(folder / "reference.h5ad")
        tests = tuple(_test(test, folder, reference) for test in facts["tests"])
        more: dict[str, Any] = {key: facts[key] for key in ("malignant", "prior") if key in facts}
        if given := facts.get("calibration"):
            bulk = check.read_bulk(place(given["bulk"]), given["unit"], reference.var)
            bulk.write_h5ad(folder / "tests" / "calibration.h5ad")
            tables.write_table(_known(given["truth"], given["types"]), folder / "tests" / "calibration.tsv", "sample")
            more["calibration"] = Calibration(bulk="tests/calibration.h5ad", fractions="tests/calibration.tsv")
        yield Case(name=name, title=facts["title"], said=facts["said"], tests=tests, **more).save(folder)


def _reference(facts: dict[str, Any]) -> ad.AnnData:
    options = dict(facts["options"])
    if "cells" in options:
        options["cells"] = place(options["cells"])
    return prepare_reference([place(facts["file"])], "cell_type", label_map=facts.get("labels"), **options)


def _test(name: str, folder: Path, reference: ad.AnnData) -> Test:
    """Write the samples of a set, checked for the genes of a reference, and their known fractions."""
    facts, paths = described("samples")[name], [f"tests/{name}.{end}" for end in ("bulk.h5ad", "truth.tsv")]
    common = {key: facts[key] for key in ("counts", "sums") if key in facts}
    if source := facts.get("pseudobulk"):
        cells = prepare_reference([place(source)], "cell_type", "none")
        pseudobulk(cells, Simulation(cells=100), 50, 0).write_h5ad(folder / paths[0])
        return Test(name=name, bulk=paths[0], truth=paths[0], scenario="other species", **common)
    options = {"orthologs": facts.get("orthologs", False)}
    if "gene_map" in facts:
        options["gene_map"] = place(facts["gene_map"])
    bulks = [check.read_bulk(place(file), facts["unit"], reference.var, **options) for file in facts["bulk"]]
    truths = [_known(file, facts["types"], facts.get("where", "")) for file in facts["truth"]]
    if len(bulks) > 1:  # the samples of several files may have the same names
        for number, (bulk, truth) in enumerate(zip(bulks, truths, strict=True), 1):
            bulk.obs_names = [f"{number}-{sample}" for sample in bulk.obs_names]
            truth.index = [f"{number}-{sample}" for sample in truth.index]
    bulk = ad.concat(bulks) if len(bulks) > 1 else bulks[0]
    bulk.uns = bulks[0].uns
    truth = pd.concat(truths)
    bulk[[sample in truth.index for sample in bulk.obs_names]].copy().write_h5ad(folder / paths[0])
    tables.write_table(truth, folder / paths[1], "sample")
    return Test(name=name, bulk=paths[0], truth=paths[1], **common)


def _known(file: str, types: dict[str, list[str]], where: str = "") -> pd.DataFrame:
    """Return known fractions, samples x cell types; `where` is a condition on the columns of the file."""
    table = tables.read_table(place(file))
    if where:
        table = table.query(where)
    columns = [column for several in types.values() for column in several]
    truth = (table if columns[0] in table else table.T)[columns].astype(float)
    return pd.DataFrame({name: truth[several].sum(axis=1, min_count=1) for name, several in types.items()})
