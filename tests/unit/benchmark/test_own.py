"""Cases of a benchmark on one's own reference."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import unmix
from unmix.benchmark import own
from unmix.benchmark.mixtures import ladder
from unmix.benchmark.scenarios import scenarios
from unmix.errors import DataError, UsageError
from unmix.io.levels import Levels


def made(reference, *names, **options):
    said = []
    found = own.cases(reference, names=names, samples=20, say=said.append, **options)
    return {case.name: case for case in found}, said


def parent(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def marked(column):
    """Return a toy reference in which every value of a column has a gene of its own."""
    reference = unmix.toy(cells_per_type=12)[0]
    values = reference.obs[column].astype(str) if column != "cell" else reference.obs_names.to_series()
    counts = reference.X.toarray()
    counts[:, : values.nunique()] = 50 * (values.to_numpy()[:, None] == np.unique(values))
    from scipy.sparse import csr_matrix

    reference.X = csr_matrix(counts)
    return reference


def test_no_donor_is_both_learned_from_and_tested():
    cases, said = made(marked("donor"), "donors", "cells_per_type", "missing")
    for case in cases.values():
        learned = np.asarray(case.reference.X[:, :4].sum(0)).ravel() > 0
        assert learned.sum() == 3
        for test in case.tests:
            tested = test.bulk.X[:, :4].sum(0) > 0
            assert tested.sum() == 1
            assert not (learned & tested).any()
    assert said[0].startswith("Held out: 1 of 4 donors")


def test_without_donors_no_cell_is_both_learned_from_and_tested():
    reference = marked("cell")
    reference.obs["donor"] = "donor"
    cases, said = made(reference, "donors")
    learned, tested = (
        np.asarray(values[:, : len(reference)].sum(0)).ravel() > 0
        for values in (cases["all"].reference.X, cases["all"].tests[0].bulk.X)
    )
    assert learned.sum() + tested.sum() == len(reference) == 288
    assert not (learned & tested).any()
    assert "no donor" in said[0]


def test_donors_are_chosen_so_that_every_type_is_on_both_sides():
    reference = unmix.toy(cells_per_type=12)[0]
    alone = (reference.obs["cell_type"] == "NK") & ~reference.obs["donor"].isin(["donor1", "donor2"])
    for seed in range(5):
        cases, _ = made(reference[~alone.to_numpy()].copy(), "donors", seed=seed)
        assert cases["all"].reference.obs["cell_type"].nunique() == 6
        assert (cases["all"].tests[0].truth["cells"]["NK"] > 0).any()


def test_a_type_of_one_donor_is_named_and_counts_as_absent():
    reference = unmix.toy(cells_per_type=12)[0]
    alone = (reference.obs["cell_type"] == "NK") & (reference.obs["donor"] != "donor1")
    cases, said = made(reference[~alone.to_numpy()].copy(), "donors")
    assert "NK" in said[0]
    truth = cases["all"].tests[0].truth["cells"]
    assert "NK" not in truth or (truth["NK"] == 0).all()


def test_scenarios_that_learn_from_the_same_cells_share_a_case():
    cases, _ = made(unmix.toy()[0], "donors", "rare", "depth", "unknown", "missing", "cells_per_type")
    assert {name: len(case.tests) for name, case in cases.items()} == {
        "all": 6,
        "without1": 5,
        "cells5": 1,
        "cells50": 1,
    }


def test_a_test_does_not_depend_on_the_scenarios_beside_it():
    one, _ = made(unmix.toy()[0], "noise")
    many, _ = made(unmix.toy()[0], "donors", "noise", "depth")
    beside = next(test for test in many["all"].tests if test.level == "0.5")
    assert (one["all"].tests[1].bulk.X == beside.bulk.X).all()


def test_every_type_is_equally_often_at_every_share_of_a_ladder():
    shares = [0.0, 0.01, 0.02, 0.05, 0.1]
    fractions = ladder(shares, 500, 6, np.random.default_rng(0))
    assert np.allclose(fractions.sum(1), 1)
    found = np.array([[np.isclose(column, share).sum() for share in shares] for column in fractions.T])
    assert abs(found.sum() - 500 * 3) < 10
    assert (np.ptp(found, axis=1) < 5).all()


def test_samples_of_many_types_at_high_shares_stay_whole():
    fractions = ladder([0.4], 30, 9, np.random.default_rng(0))
    assert np.allclose(fractions.sum(1), 1)
    assert (fractions >= 0).all()


def test_mrna_bias_has_both_truths_and_they_differ():
    cases, _ = made(unmix.toy()[0], "mrna")
    for test in cases["all"].tests:
        cells, rna = test.truth["cells"], test.truth["RNA"]
        assert np.allclose(cells.sum(1), 1)
        assert np.allclose(rna.sum(1), 1)
        ratio = (rna / cells).median()
        spread = ratio.max() / ratio.min()
        assert spread < 4 if test.level == "as in the reference" else spread > 5


def test_a_missing_type_is_in_the_samples_and_in_no_truth():
    cases, _ = made(unmix.toy()[0], "unknown", "missing")
    case = cases["without1"]
    lacking = case.title.removeprefix("Without ")
    assert lacking not in set(case.reference.obs["cell_type"])
    for test in case.tests:
        assert lacking not in test.truth["cells"]
        assert np.allclose(test.truth["cells"].sum(1), 1)
    none, most = (next(test for test in case.tests if test.level.startswith(level)) for level in ("0%", "90%"))
    reference = unmix.toy()[0]
    of_type = (reference.obs["cell_type"] == lacking).to_numpy()
    gene = int((reference.X[of_type].mean(0) - reference.X[~of_type].mean(0)).argmax())
    assert most.bulk.X[:, gene].mean() > 2 * none.bulk.X[:, gene].mean()


def test_fine_and_coarse_labels_have_the_same_truth():
    reference = unmix.toy()[0]
    groups = {name: "T cell" if "T" in name else "other" for name in reference.obs["cell_type"].unique()}
    levels = Levels(names=["lineage"], groups=[groups], source="given")
    reference.uns["unmix"]["levels"] = json.dumps(levels.model_dump())
    cases, _ = made(reference, "labels")
    assert set(cases["coarse"].reference.obs["cell_type"]) == {"T cell", "other"}
    fine = cases["all"].tests[0]
    assert list(fine.truth["cells"]) == list(cases["coarse"].tests[0].truth["cells"]) == ["T cell", "other"]
    assert sorted(fine.sums["T cell"]) == ["CD4+ T", "CD8+ T", "γδ T"]


def test_what_a_reference_does_not_allow_is_left_out_and_said():
    cases, said = made(unmix.toy()[0], "donors", "laboratory", "labels")
    assert [test.scenario for test in cases["all"].tests] == ["donors"]
    assert any("laboratory left out: it needs a second reference" in sentence for sentence in said)
    assert any("labels left out" in sentence for sentence in said)


def test_the_other_laboratory_gives_the_samples_and_types_it_lacks_are_absent():
    other = unmix.toy(cell_types=("B cell", "NK", "CD4+ T", "Neutrophil"))[0]
    cases, _ = made(unmix.toy()[0], "laboratory", other=other)
    truth = cases["all"].tests[0].truth["cells"]
    assert "Neutrophil" not in truth
    assert (truth["γδ T"] == 0).all()
    assert (truth[["B cell", "NK", "CD4+ T"]] > 0).any().all()


def test_profiles_and_unknown_scenarios_are_refused():
    from unmix.simulate.toy import as_profiles

    with pytest.raises(DataError, match="profiles"):
        made(as_profiles(unmix.toy()[0]), "donors")
    with pytest.raises(UsageError, match="no scenario 'rares'"):
        made(unmix.toy()[0], "rares")


def test_every_scenario_of_the_table_says_what_it_asks_in_a_question():
    for name, scenario in scenarios().items():
        assert scenario.asks.endswith("?"), name
        levels = [level.level for level in scenario.levels]
        assert len(set(levels)) == len(levels), name


def test_written_cases_are_read_and_fitted(tmp_path):
    from unmix.benchmark.case import read_case
    from unmix.benchmark.fitting import fit

    cases, _ = made(unmix.toy()[0], "donors", "spillover", "mrna")
    own.write(cases["all"], lambda name: parent(tmp_path / name))
    case = read_case(tmp_path / "all")
    assert case.tests[0].name == "donors.cells"
    done = fit(case, "nnls", "default", 0)
    estimates = done.estimates
    assert done.record.status == "ok"
    assert set(estimates["test"]) == {test.name for test in case.tests}
    error = (estimates["truth"] - estimates["estimate"]).abs().groupby(estimates["test"]).mean()
    assert error["donors.cells"] < 0.05
    biased = [error[f"mrna.3_times_more_or_less.{counts}"] for counts in ("cells", "RNA")]
    assert biased[0] > 2 * biased[1]


def test_cases_fits_and_a_page_from_the_command_line(tmp_path, root):
    reference, other = tmp_path / "reference.h5ad", tmp_path / "other.h5ad"
    for seed, path in enumerate((reference, other)):
        unmix.toy(seed, cell_types=("B", "NK", "T"))[0].write_h5ad(path)

    def run(*arguments):
        command = [sys.executable, root / "bin" / "unmix_benchmark.py", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    made = run("cases", reference, "--other", other, "--scenarios", "donors,laboratory,labels", "--samples", 10)
    assert made.returncode == 0, made.stderr
    assert "Scenario labels left out" in made.stderr
    assert "2 tests" in made.stderr
    methods = [word for name in ("nnls", "uniform") for word in ("--method", name)]
    assert run("fit", "cases/all", *methods).returncode == 0
    assert run("page", "store").returncode == 0
    assert "This page is no ranking" in (tmp_path / "benchmark" / "index.html").read_text()
    wrong = run("cases", reference, "--scenarios", "donors,typo")
    assert wrong.returncode == 2
    assert "no scenario 'typo'" in wrong.stderr
