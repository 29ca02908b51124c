"""Expression from given fractions: measured where there is much of a type, else the reference's; differences found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import unmix
from unmix import engine
from unmix.comparison.differential import compared
from unmix.comparison.expression import asked
from unmix.engine.given_fractions import by_sample_and_group, prepare
from unmix.errors import DataError, UsageError
from unmix.io import tables
from unmix.simulate.toy import CELL_TYPES, toy

TYPE = CELL_TYPES[3]
SHIFTED = 4
SCRIPT = Path(__file__).resolve().parents[3] / "bin" / "unmix_express.py"


@pytest.fixture(scope="module")
def model():
    return engine.train("nnls", toy(cells_per_type=30)[0], device="cpu", quick=True)


def cohort(model, fold, samples=60, seed=0, rare=1.0):
    """Return bulk and fractions of mRNA of samples whose every second one has genes of one type raised."""
    rng = np.random.default_rng(seed)
    genes, target = np.array(model.facts["reference_genes"], dtype=str), np.arange(samples) % 2 == 1
    profiles = model.profiles(genes)
    k = list(model.cell_types).index(TYPE)
    fractions = rng.dirichlet(np.where(np.arange(len(profiles)) == k, 6.0, 2.0), samples)
    fractions[:, 0] *= rare
    fractions /= fractions.sum(1, keepdims=True)
    shifted = np.argsort(-profiles[k] / (profiles.sum(0) + 1))[:SHIFTED]
    own = profiles[None] * rng.lognormal(0, 0.15, (samples, *profiles.shape))
    own[np.ix_(target, [k], shifted)] *= fold
    names = [f"s{i}" for i in range(samples)]
    counts = rng.poisson(np.einsum("nk,nkg->ng", fractions, own) * 5)
    bulk = ad.AnnData(counts.astype(float), pd.DataFrame(index=names), pd.DataFrame(index=genes))
    groups = pd.Series(np.where(target, "ill", "well"), names)
    return bulk, pd.DataFrame(fractions, names, model.cell_types), groups, set(genes[shifted])


def table_of(path, groups):
    path.write_text("\n".join(["sample,condition", *(f"{name},{group}" for name, group in groups.items())]))
    return path


def found_in(model, fold, tmp_path, seed=0):
    bulk, fractions, groups, shifted = cohort(model, fold, seed=seed)
    found = prepare(bulk, fractions, "mrna", model)
    said = []
    table = table_of(tmp_path / "samples.csv", groups)
    known, contrasts = asked(table, None, found.samples, None, "well", said.append)
    return compared(found, known, contrasts, said.append), shifted, said


def test_a_shift_within_one_type_is_found_there_with_its_sign_and_confirmed_at_left_out_samples(model, tmp_path):
    table, shifted, said = found_in(model, 4.0, tmp_path)
    right = (table["cell_type"] == TYPE) & table["gene"].isin(shifted)
    assert right.sum() == SHIFTED
    assert table[right]["found"].all()
    assert (table[right]["log2_ratio"] > 1).all()
    assert (table[right]["held_out"] > 0.1).all()
    assert (table["found"] & ~right).sum() <= 1
    assert (table["p_family"] >= table["p_value"]).all()  # the risk of any false one is the larger
    assert (table[right]["p_family"] < 0.05).all()
    assert f"{TYPE} {SHIFTED}" in said[-1]
    assert f"Of these {(table['found'] & (table['p_family'] < 0.05)).sum()} have a risk below 5%" in said[-1]


def test_without_an_effect_nothing_is_found_and_p_values_are_uniform(model, tmp_path):
    tables_of_cohorts = [found_in(model, 1.0, tmp_path, seed)[0] for seed in range(3)]
    assert sum(table["found"].any() for table in tables_of_cohorts) <= 1
    assert sum((table["p_family"] < 0.05).any() for table in tables_of_cohorts) <= 1
    p = pd.concat(tables_of_cohorts)["p_value"]
    assert 0.02 < (p < 0.05).mean() < 0.08


def test_profiles_are_marked_where_the_data_say_little(model):
    bulk, fractions, _, _ = cohort(model, 1.0, rare=0.02)
    rare, common = model.cell_types[0], TYPE
    found = prepare(bulk, fractions, "mrna", model)
    layered, by_group = by_sample_and_group(found, pd.Series("all", index=found.samples))
    expression = layered.in_memory()
    measured = by_group.groupby("cell_type")["measured"].mean()
    assert measured[common] > 0.8
    assert measured[rare] < 0.2
    unmeasured = by_group[(by_group["cell_type"] == rare) & (by_group["informed"] < 0.05)]
    assert len(unmeasured) > 100
    assert np.allclose(unmeasured["expression"], unmeasured["reference"], rtol=0.3, atol=5)
    assert expression.shape == (60, len(found.genes))
    shares = expression.layers[f"informed {rare}"]
    assert shares.min() >= 0
    assert shares.max() <= 1


def test_fractions_of_cells_are_refused_and_too_few_samples_are_not_tested(model, tmp_path):
    bulk, fractions, groups, _ = cohort(model, 1.0, samples=12)
    with pytest.raises(UsageError, match=r"fractions_mrna\.tsv"):
        prepare(bulk, fractions, "cell", model)
    with pytest.raises(DataError, match="cell types of the fractions"):
        prepare(bulk, fractions.rename(columns={TYPE: "other"}), "mrna", model)
    found = prepare(bulk, fractions, "mrna", model)
    table = table_of(tmp_path / "s.csv", groups)
    read, contrasts = asked(table, None, found.samples, None, "well", lambda _: None)
    said = []
    none, tested = compared(found, read, contrasts, said.append), compared(*large_cohort(model, tmp_path))
    assert none.empty
    assert list(none) == list(tested)
    assert "12 samples" in said[0]


def large_cohort(model, tmp_path):
    bulk, fractions, groups, _ = cohort(model, 1.0, samples=30)
    found = prepare(bulk, fractions, "mrna", model)
    return found, *asked(table_of(tmp_path / "s.csv", groups), None, found.samples, None, "well", print), print


def test_contrasts_name_the_groups_and_what_they_leave_out(model, tmp_path):
    bulk, fractions, groups, shifted = cohort(model, 4.0, samples=80)
    found = prepare(bulk, fractions, "mrna", model)
    samples = pd.DataFrame({"treatment": groups, "batch": ["x", "x", "y", "y"] * 20, "age": "40"}, found.samples)
    columns = ["id", "variable", "reference", "target", "blocking", "exclude_samples_col", "exclude_samples_values"]
    contrasts = pd.DataFrame(
        [["ill", "treatment", "well", "ill", "batch", "", ""], ["of x", "treatment", "well", "ill", "", "batch", "y"],
         ["age", "age", "", "", "", "", ""]], columns=columns
    )  # fmt: skip
    said = []
    table = compared(found, *asked(samples, contrasts, found.samples, None, None, said.append), said.append)
    assert set(table["contrast"]) == {"ill", "of x"}
    everything, part = (table[table["contrast"] == name] for name in ("ill", "of x"))
    assert everything["error"].median() < part["error"].median()
    assert set(everything[everything["found"] & (everything["cell_type"] == TYPE)]["gene"]) == shifted
    assert said[0].startswith("Not tested within cell types, because their variable is an amount: age")
    assert said[1].endswith("within cell types: ill.")
    with pytest.raises(UsageError, match="one of them"):
        unmix.express(model, bulk, fractions=fractions, samples=samples, contrasts=contrasts, condition="batch")


def test_a_table_in_memory_says_that_it_is_of_mrna(model):
    bulk, fractions, *_ = cohort(model, 1.0, samples=4)
    with pytest.raises(UsageError, match="cell fractions"):
        unmix.express(model, bulk, fractions=fractions)
    of_mrna = unmix.express(model, bulk, fractions=fractions.rename_axis("sample (mRNA fraction)"))
    assert of_mrna.uns["unmix"]["method"] == "given fractions"


def test_the_script_writes_expression_groups_and_differences(model, tmp_path):
    bulk, fractions, groups, shifted = cohort(model, 4.0)
    model.save(tmp_path / "model.safetensors")
    table = pd.DataFrame(bulk.X.T.astype(int), bulk.var_names, bulk.obs_names)
    tables.write_table(table, tmp_path / "bulk.tsv", "gene")
    tables.write_table(fractions, tmp_path / "fractions_mrna.tsv", "sample (mRNA fraction)")
    samples = table_of(tmp_path / "samples.csv", groups)
    command = [sys.executable, SCRIPT, tmp_path / "model.safetensors", tmp_path / "bulk.tsv"]
    command += ["--fractions", tmp_path / "fractions_mrna.tsv", "--samples", samples, "--reference", "well"]
    done = subprocess.run([*command, "--out", tmp_path / "e.h5ad"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(tmp_path / "e.differential.tsv", sep="\t")
    assert list(found)[:4] == ["contrast", "cell_type", "gene", "log2_ratio"]
    called = found[found["found"]]
    assert set(called[called["cell_type"] == TYPE]["gene"]) == shifted
    by_group = pd.read_csv(tmp_path / "e.groups.tsv", sep="\t")
    assert set(by_group["group"]) == {"ill", "well"}
    assert ad.read_h5ad(tmp_path / "e.h5ad").obs["group"].tolist() == groups.tolist()
    refused = subprocess.run([*command[:4], "--samples", samples], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--samples without --fractions" in refused.stderr
