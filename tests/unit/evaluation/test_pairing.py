"""Estimates laid beside the truth: what a user gives, what is compared, what is said."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from unmix.errors import DataError
from unmix.evaluation import pairing
from unmix.io import tables
from unmix.io.cell_names import near_names
from unmix.io.long_tables import read_long

TRUTH = pd.DataFrame({"B": [0.1, 0.2, 0.3], "CD4 T": [0.5, 0.5, 0.1], "NK": [0.4, 0.3, 0.6]}, index=["s1", "s2", "s3"])
#: The same composition under other names, finer, with a type that the truth lacks.
ESTIMATE = pd.DataFrame(
    {
        "CD4 naive": [0.2, 0.1, 0.04],
        "CD4 memory": [0.2, 0.3, 0.04],
        "B cells": [0.08, 0.16, 0.24],
        "NK": [0.32, 0.24, 0.48],
        "Platelet": [0.2, 0.2, 0.2],
    },
    index=["s3", "s1", "s2"],
)[["B cells", "CD4 naive", "CD4 memory", "NK", "Platelet"]].set_axis(["s1", "s2", "s3"])
MAP = {"CD4 naive": "CD4 T", "CD4 memory": "CD4 T", "B cells": "B", "Platelet": ""}


def long_table(estimate, half_width=0.01):
    long = estimate.stack().rename("fraction").rename_axis(["sample", "cell_type"]).reset_index()
    return long.assign(lower=long.fraction - half_width, upper=long.fraction + half_width, flag="ok", quantity="cell")


def step(root, *arguments):
    command = [sys.executable, str(root / "bin" / "unmix_evaluate.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def files(tmp_path):
    ESTIMATE.rename_axis("sample (cell fraction)").to_csv(tmp_path / "fractions.tsv", sep="\t")
    long_table(ESTIMATE).to_csv(tmp_path / "fractions_long.tsv", sep="\t", index=False)
    TRUTH.rename_axis("sample").to_csv(tmp_path / "truth.tsv", sep="\t")
    lines = ["from\tto", *(f"{old}\t{new}" for old, new in MAP.items())]
    (tmp_path / "map.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_label_map_adds_and_drops_then_both_are_renormalised():
    pairs = pairing.pair(ESTIMATE, TRUTH, label_map=MAP)
    np.testing.assert_allclose(pairs.estimate, TRUTH, atol=1e-12)
    notes = " ".join(pairs.notes)
    assert "CD4 T is the sum of CD4 naive, CD4 memory." in notes
    assert "Dropped by the label map: Platelet." in notes
    assert "scaled to sum 1 over the 3 shared cell types" in notes


def test_without_renormalising_the_scale_stays():
    pairs = pairing.pair(ESTIMATE, TRUTH, label_map=MAP, renormalise=False)
    np.testing.assert_allclose(pairs.estimate, 0.8 * TRUTH, atol=1e-12)
    assert any("without scaling" in note for note in pairs.notes)


def test_samples_are_matched_by_name_not_by_order():
    pairs = pairing.pair(ESTIMATE, TRUTH.iloc[::-1], label_map=MAP)
    np.testing.assert_allclose(pairs.estimate, pairs.truth, atol=1e-12)


def test_what_stands_on_one_side_only_is_named():
    truth = TRUTH.assign(Neutrophils=0.1).drop(index="s2")
    notes = " ".join(pairing.pair(ESTIMATE, truth, label_map=MAP | {"Platelet": "Platelet"}).notes)
    assert "1 samples are only in the estimate: s2." in notes
    assert "only in the truth, not compared: Neutrophils." in notes
    assert "only in the estimate, not compared: Platelet." in notes


def test_same_number_of_samples_under_other_names_is_an_error():
    with pytest.raises(DataError, match="share no sample name") as caught:
        pairing.pair(ESTIMATE, TRUTH.set_axis(["x1", "x2", "x3"]), label_map=MAP)
    assert "both have 3 samples" in str(caught.value)
    assert "never matched by their order" in str(caught.value)


def test_one_shared_type_is_too_few_for_fractions_but_enough_for_a_score():
    with pytest.raises(DataError, match="share 1 cell types") as caught:
        pairing.pair(ESTIMATE, TRUTH)
    assert "--label-map" in str(caught.value)
    assert list(pairing.pair(ESTIMATE, TRUTH, quantity="score").truth) == ["NK"]


def test_scores_are_neither_scaled_nor_added():
    pairs = pairing.pair(ESTIMATE * 7, TRUTH, quantity="score", label_map={"B cells": "B"})
    assert pairs.estimate.loc["s1", "NK"] == pytest.approx(7 * ESTIMATE.loc["s1", "NK"])
    with pytest.raises(DataError, match="several scores"):
        pairing.pair(ESTIMATE, TRUTH, quantity="score", label_map=MAP)


@pytest.mark.parametrize("turned", [False, True])
def test_a_label_map_may_name_the_types_of_the_truth(turned):
    """Whoever writes the map from the truth to the estimate gets the same; a part that is not known is no sum."""
    truth = pd.DataFrame(
        {"Neuronal": [0.5, 0.2], "A1": [0.2, np.nan], "A2": [0.1, 0.4], "Dead": [0.2, 0.4]}, ["x", "y"]
    )
    estimate = pd.DataFrame({"neuro": [0.6, 0.3], "astro": [0.4, 0.7]}, ["x", "y"])
    names = {"Neuronal": "neuro", "A1": "astro", "A2": "astro", "Dead": "", "nobody": "none"}
    given = truth.T if turned else truth
    pairs = pairing.pair(estimate, given, label_map=names, renormalise=False)
    assert list(pairs.truth) == ["neuro", "astro"]
    assert np.allclose(pairs.truth.loc["x"], [0.5, 0.3])
    assert "y" not in pairs.truth.index
    notes = " ".join(pairs.notes)
    assert "Renamed in the truth by the label map: Neuronal, A1, A2, Dead." in notes
    assert "In neither table, though the label map names them: nobody." in notes


def test_transposed_truth_is_recognised_and_said():
    pairs = pairing.pair(ESTIMATE, TRUTH.T, label_map=MAP)
    np.testing.assert_allclose(pairs.estimate, TRUTH, atol=1e-12)
    assert any("transposed" in note for note in pairs.notes)


def test_samples_with_gaps_or_nothing_to_compare_are_left_out_and_named():
    truth = TRUTH.copy()
    truth.loc["s1", ["B", "NK"]] = np.nan  # one type alone is no composition
    truth.loc["s2"] = 0
    pairs = pairing.pair(ESTIMATE, truth, label_map=MAP)
    assert list(pairs.truth.index) == ["s3"]
    notes = " ".join(pairs.notes)
    assert "values are missing: s1." in notes
    assert "add up to 0: s2." in notes
    with pytest.raises(DataError, match="no shared sample has values"):
        pairing.pair(ESTIMATE, TRUTH * 0, label_map=MAP)


def test_a_type_that_was_not_measured_takes_no_sample_with_it():
    pairs = pairing.pair(ESTIMATE, TRUTH.assign(B=np.nan), label_map=MAP)
    assert list(pairs.truth.index) == ["s1", "s2", "s3"]
    assert list(pairs.truth.columns) == ["CD4 T", "NK"]
    assert any("the truth holds no value: B." in note for note in pairs.notes)
    expected = TRUTH[["CD4 T", "NK"]].div(TRUTH[["CD4 T", "NK"]].sum(axis=1), axis=0)
    np.testing.assert_allclose(pairs.estimate, expected, atol=1e-12)


def test_a_value_that_is_missing_is_not_compared_and_all_others_are():
    truth = TRUTH.copy()
    truth.loc["s1", "B"] = np.nan
    off = ESTIMATE.copy()
    off.loc["s1", "B cells"] = 0.5  # against nothing
    pairs = pairing.pair(off, truth, label_map=MAP, long=long_table(off))
    assert any("1 value is missing in the truth (B): " in note for note in pairs.notes)
    assert pairs.truth.loc["s1", ["CD4 T", "NK"]].tolist() == pytest.approx([0.5 / 0.9, 0.4 / 0.9])
    assert len(pairs.long()) == 8
    found = pairs.metrics(np.random.default_rng(0)).set_index(["level", "metric", "cell_type"])
    assert found.loc[("all", "rmse", ""), "value"] == pytest.approx(0, abs=1e-9)
    assert found.loc[("all", "rmse", ""), "n"] == 8
    assert [found.loc[("type", "mae", name), "n"] for name in ("B", "CD4 T", "NK")] == [2, 3, 3]
    assert found.loc[("type", "pearson", "B"), "value"] == pytest.approx(1)
    assert found.loc[("sample", "jsd", ""), "value"] == pytest.approx(0, abs=1e-9)
    assert found.loc[("sample", "mae", ""), "n"] == 3
    assert "Over 3 samples and 3 cell types" in pairing.summary(found.reset_index())


def test_percent_signs_and_missing_values_of_a_file_are_read(root, files):
    """CD8 T was never measured, NK not in s1."""
    rows = [
        "sample\tB\tCD4 T\tNK\tCD8 T",
        "s1\t10 %\t50 %\tNA\tNA",
        "s2\t20 %\t50 %\t30 %\tNA",
        "s3\t30 %\t10 %\t60 %\t",
    ]
    (files / "gaps.tsv").write_text("\n".join(rows) + "\n")
    out = files / "out" / "metrics.tsv"
    done = step(root, files / "fractions.tsv", files / "gaps.tsv", "--label-map", files / "map.tsv", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "is in percent" in done.stderr
    table = pd.read_csv(out, sep="\t").set_index(["level", "metric", "cell_type"])
    assert table.loc[("type", "mae", "NK"), ["value", "n"]].tolist() == pytest.approx([0, 2], abs=1e-9)
    assert table.loc[("type", "mae", "B"), ["value", "n"]].tolist() == pytest.approx([0, 3], abs=1e-9)


@pytest.mark.parametrize(
    ("quantity", "options", "told"), [("mrna", [], True), ("mrna", ["--quantity", "mrna"], False), ("cell", [], False)]
)
def test_estimates_of_mrna_beside_counts_of_cells_are_said(root, files, quantity, options, told):
    ESTIMATE.rename_axis(f"sample ({'mRNA' if quantity == 'mrna' else 'cell'} fraction)").to_csv(
        files / "f.tsv", sep="\t"
    )
    out = files / "out" / "metrics.tsv"
    done = step(root, files / "f.tsv", files / "truth.tsv", "--label-map", files / "map.tsv", "--out", out, *options)
    assert done.returncode == 0, done.stderr
    assert ("The estimates are fractions of mRNA." in done.stderr) == told


def test_intervals_follow_their_type_and_scale():
    pairs = pairing.pair(ESTIMATE, TRUTH, label_map=MAP, long=long_table(ESTIMATE))
    assert pairs.lower.loc["s1", "B"] == pytest.approx((0.08 - 0.01) / 0.8)
    assert pairs.lower["CD4 T"].isna().all()  # the sum of two types has no interval of its own
    table = pairs.metrics(np.random.default_rng(0)).query("metric == 'coverage' and level == 'mean_type'")
    assert (table["value"].item(), table["n"].item()) == (1, 2)


def test_names_that_look_like_numbers_stay_names(tmp_path):
    numbered = ESTIMATE.set_axis([str(i) for i in range(5)], axis=1)
    long_table(numbered).to_csv(tmp_path / "long.tsv", sep="\t", index=False)
    (tmp_path / "map.tsv").write_text("from\tto\n0\tB\n3\tNK\n")
    long = read_long(tmp_path / "long.tsv", ("sample", "cell_type"))
    pairs = pairing.pair(numbered, TRUTH, long=long, label_map=tables.read_label_map(tmp_path / "map.tsv"))
    assert list(pairs.truth) == ["B", "NK"]
    assert pairs.lower.notna().all(axis=None)


@pytest.mark.parametrize(
    ("text", "message"),
    [("old\tnew\na\tb\n", "no column 'from'"), ("from\tto\na\tb\na\tc\n", "'a' occurs twice")],
)
def test_a_label_map_that_cannot_be_used_is_named(tmp_path, text, message):
    (tmp_path / "map.tsv").write_text(text)
    with pytest.raises(DataError, match=message):
        tables.read_label_map(tmp_path / "map.tsv")


def test_step_writes_metrics_pairs_and_record(files, root):
    arguments = [files / "fractions.tsv", files / "truth.tsv", "--label-map", files / "map.tsv"]
    arguments += ["--long", files / "fractions_long.tsv", "--pairs", files / "pairs.tsv"]
    done = step(root, *arguments, "--out", files / "out" / "metrics.tsv")
    assert done.returncode == 0, done.stderr
    assert "mean r per cell type 1.000" in done.stderr
    table = pd.read_csv(files / "out" / "metrics.tsv", sep="\t")
    assert list(table)[:7] == ["level", "cell_type", "metric", "value", "lower", "upper", "n"]
    assert set(table["level"]) == {"type", "mean_type", "sample", "all"}
    record = json.loads((files / "out" / "metrics.run.json").read_text())
    assert record["evaluation"]["renormalised"] is True
    assert record["inputs"]["truth"]["sha256"]
    compared = pd.read_csv(files / "pairs.tsv", sep="\t")
    assert len(compared) == 9
    np.testing.assert_allclose(compared["estimate"], compared["truth"], atol=1e-12)
    again = step(root, *arguments, "--out", files / "again" / "metrics.tsv")
    assert again.returncode == 0
    assert (files / "again" / "metrics.tsv").read_bytes() == (files / "out" / "metrics.tsv").read_bytes()


def test_step_that_fails_leaves_no_output(files, root):
    done = step(root, files / "fractions.tsv", files / "truth.tsv", "--out", files / "out" / "metrics.tsv")
    assert done.returncode == 65
    assert "share 1 cell types" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (files / "out").exists()
    missing = step(root, files / "nothing.tsv", files / "truth.tsv", "--label-map", files / "no.tsv")
    assert missing.returncode == 65


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "data"), [("monaco", "pbmc_monaco_gse107011"), ("cellline", "cellline_mixology_gse118767")]
)
def test_original_tools_on_real_bulk_give_the_known_figures(shared, folder, data):
    golden = shared / "golden" / "real"
    known = pd.read_csv(golden / "metrics.tsv", sep="\t").query("pair == @folder").set_index("tool")
    truth = pd.read_csv(shared / "data" / data / "truth.tsv", sep="\t", index_col=0)
    checked = 0
    for path in sorted((golden / folder).glob("*.tsv")):
        tool = path.stem
        estimate = pd.read_csv(path, sep="\t", index_col=0)
        pairs = pairing.pair(estimate, truth)
        table = pairs.metrics(np.random.default_rng(0))
        pooled = table[table.level == "all"].set_index("metric")["value"]
        row = known.loc[tool]
        assert pooled["rmse"] == pytest.approx(row["RMSE"], abs=6e-5), path.name
        assert pooled["mae"] == pytest.approx(row["MAE"], abs=6e-5), path.name
        assert pooled["ccc"] == pytest.approx(row["CCC"], abs=6e-5), path.name
        r = table.query("level == 'type' and metric == 'pearson'").set_index("cell_type")["value"]
        for name in r.index:
            if not np.isnan(row[f"r_{name}"]):
                assert r[name] == pytest.approx(row[f"r_{name}"], abs=6e-5), (path.name, name)
        checked += 1
    assert checked >= 8


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("Neutrophil", "Granulocytes", True),
        ("CD4T", "CD4+ T cells", True),
        ("CD4 T", "T lymphocytes", True),
        ("CD4 T", "CD8 T", False),
        ("Neutrophil", "Eosinophils", False),
        ("NK", "Natural killer cells", True),
        ("NK", "NKT", False),
        ("CD14+ Monocytes", "Monocyte", True),
        ("B", "Plasma cells", False),
        ("Kupffer cell", "Kupffer cells, central", True),
    ],
)
def test_names_that_may_mean_the_same(one, other, near):
    assert bool(near_names([one], [other])) == near
    assert bool(near_names([other], [one])) == near


def test_near_names_are_proposed_and_never_joined():
    truth = TRUTH.rename(columns={"NK": "Natural killer"}).assign(Granulocyte=0.1)
    estimate = TRUTH.assign(Neutrophil=0.1)
    pairs = pairing.pair(estimate, truth)
    assert list(pairs.truth) == ["B", "CD4 T"]
    notes = " ".join(pairs.notes)
    assert "'NK' to 'Natural killer', 'Neutrophil' to 'Granulocyte'" in notes
    with pytest.raises(DataError) as error:
        pairing.pair(TRUTH.add_suffix(" cells"), TRUTH)
    assert "'NK cells' to 'NK'" in error.value.do
