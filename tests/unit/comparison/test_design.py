"""Tables of samples and contrasts: what is taken as it is, corrected and said, or refused with the reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import unmix
from unmix.comparison import design
from unmix.comparison.contrasts import Contrast
from unmix.comparison.design import Kinds
from unmix.errors import DataError, UsageError


@pytest.fixture
def long():
    values = np.random.default_rng(1).dirichlet([2, 5, 3], 40)
    names = [f"s{number}" for number in range(40)]
    table = pd.DataFrame(
        {"sample": np.repeat(names, 3), "cell_type": ["B", "T", "NK"] * 40, "fraction": values.ravel()}
    )
    return table.assign(flag="ok", quantity="cell")


@pytest.fixture
def samples():
    return pd.DataFrame({"sample": [f"s{n}" for n in range(40)], "condition": ["control"] * 20 + ["case"] * 20})


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t.assign(condition=["a"] * 39 + ["b"]), {}, "1 sample of condition 'b'"),
        (lambda t: t.assign(condition="a"), {}, "has the value 'a' in all samples"),
        (lambda t: t.assign(condition=np.arange(40)), {}, "holds the numbers 0, 1"),
        (lambda t: t.assign(site=t["condition"]), {"covariates": ["site"]}, "cannot be told from 'site'"),
        (lambda t: t.assign(age=np.arange(40)), {"covariates": ["age"]}, "--continuous 'age'"),
        (lambda t: t.assign(age=[*"123" * 13, "x"]), {"covariates": ["age"], "continuous": ["age"]}, "holds 'x'"),
        (lambda t: t.assign(id=[f"i{n}" for n in range(40)]), {"covariates": ["id"]}, "cannot be told from 'id'"),
        (lambda t: t.rename(columns={"condition": "Condition"}), {}, "perhaps 'Condition'"),
        (lambda t: t.assign(sample="X" + t["sample"].str.upper()), {}, "'XS0' for 's0'"),
        (lambda t: t.assign(sample="s1"), {}, "a sample twice ('s1')"),
        (lambda t: t, {"reference": "contrl"}, "perhaps 'control'"),
        (lambda t: t, {"continuous": ["condition"]}, "finite numbers"),
        (lambda t: t, {"block": "patient"}, "no column 'patient'"),
        (lambda t: t.assign(p=["a"] * 20 + list("bcde") * 5), {"block": "p"}, "a group of one 'p' only"),
        (lambda t: t[:2], {}, "three or more"),
    ],
)
def test_a_question_without_an_answer_is_refused_with_the_reason(long, samples, change, options, message):
    with pytest.raises((DataError, UsageError)) as raised:
        unmix.compare(long, change(samples), **options)
    assert message in str(raised.value)
    assert raised.value.do


def test_a_constant_covariate_is_not_used_and_said(long, samples):
    found = unmix.compare(long, samples.assign(site="north"), covariates=["site"])
    assert any("'site' is the same in all samples" in note for note in found.notes)


def test_missing_values_are_dropped_and_said_and_none_is_a_treatment(long, samples):
    samples.loc[3, "condition"] = None
    samples["condition"] = samples["condition"].replace({"control": "none"})
    samples["age"] = [*map(str, range(39)), "NA"]
    found = unmix.compare(long, samples, covariates=["age"], continuous=["age"], reference="none")
    assert set(found.groups["value"]) == {"none", "case"}
    assert len(found.groups) == 38
    assert sum("is missing" in note for note in found.notes) == 2


def test_the_control_is_the_reference_and_else_the_first_and_this_is_said(long, samples):
    samples["condition"] = samples["condition"].replace({"case": "a"})
    found = unmix.compare(long, samples)
    assert set(found.effects["contrast"]) == {"a vs control"}
    assert any("--reference takes another" in note for note in found.notes)
    samples["condition"] = samples["condition"].replace({"control": "z"})
    assert set(unmix.compare(long, samples).effects["contrast"]) == {"a vs z"}


def test_names_like_numbers_stay_names(long, samples, tmp_path):
    samples["condition"] = ["01"] * 20 + ["1"] * 20
    samples.to_csv(tmp_path / "samples.csv", index=False)
    assert set(unmix.compare(long, tmp_path / "samples.csv").groups["value"]) == {"01", "1"}


def test_samples_of_one_side_are_left_out_and_said(long, samples):
    more = pd.concat([samples, pd.DataFrame({"sample": ["t1"], "condition": ["case"]})])
    assert any("have no fractions: t1" in note for note in unmix.compare(long, more).notes)
    assert any("no row in the sample table: s0" in note for note in unmix.compare(long, samples[1:]).notes)


def test_samples_without_expression_are_left_out_and_other_flags_named(long, samples):
    long.loc[long["sample"] == "s0", "flag"] = "no_expression"
    long.loc[long["sample"] == "s1", "flag"] = "unlike_reference"
    found = unmix.compare(long, samples)
    assert "s0" not in set(found.groups["sample"])
    assert "s1" in set(found.groups["sample"])
    assert any("s1" in note and "flagged" in note for note in found.notes)


def test_a_contrasts_file_of_nf_core_differentialabundance_is_taken_as_it_is(long, samples, tmp_path):
    samples["batch"] = ["x", "y"] * 20
    samples["condition"] = [*["none"] * 10, *["control"] * 10, *["case"] * 20]
    (tmp_path / "contrasts.csv").write_text(
        "id,variable,reference,target,blocking,exclude_samples_col,exclude_samples_values\n"
        "case_control,condition,control,case,batch,,\n"
        "only_x,condition,control,case,,batch,y\n"
    )
    found = unmix.compare(long, samples, tmp_path / "contrasts.csv")
    assert list(found.effects["contrast"].unique()) == ["case_control", "only_x"]
    assert found.groups.groupby("contrast").size().to_dict() == {"case_control": 30, "only_x": 15}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,variable,reference\na,condition,control\n", "no column 'target'"),
        ("id,variable,reference,target\na,condition,control,cases\n", "perhaps 'case'"),
        ("id,variable,reference,target\na,condition,control,\n", "id, reference or target is empty"),
        ("id,variable,reference,target\na,conditions,control,case\n", "perhaps 'condition'"),
        ("id,variable,reference,target\na,condition,case,case\n", "are both 'case'"),
        ("id,variable,reference,target,formula\na,condition,control,case,~x\n", "unknown column 'formula'"),
        ("id,variable,reference,target\na,condition,control,case\na,condition,case,control\n", "occurs twice"),
        ("id,variable,reference,target,target\na,condition,control,case,x\n", "occurs twice"),
    ],
)
def test_a_contrasts_file_is_checked(long, samples, tmp_path, text, message):
    (tmp_path / "contrasts.csv").write_text(text)
    with pytest.raises((DataError, UsageError)) as raised:
        unmix.compare(long, samples, tmp_path / "contrasts.csv")
    assert message in str(raised.value)


def test_a_block_takes_the_place_of_covariates_that_it_explains():
    table = pd.DataFrame({"condition": ["control"] * 4 + ["case"] * 4, "donor": [*"abcdabcd"], "sex": [*"mmffmmff"]})
    contrast = Contrast("c", "condition", "control", "case", ("sex",))
    assert design.design(table, contrast, Kinds(), "donor").freedom == pytest.approx(3)
