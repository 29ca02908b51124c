"""The real sets of benchmarks/sets: what they describe, and a case that is made of them."""

import importlib

import pandas as pd
import pytest

from unmix.benchmark.case import read_case
from unmix.io import check
from unmix.io.units import UNITS


@pytest.fixture(scope="module")
def sets(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root / "benchmarks")
        yield importlib.import_module("sets")


def test_every_reference_has_samples_that_are_described(sets):
    samples, references = sets.described("samples"), sets.described("references")
    assert {name for facts in references.values() for name in facts["tests"]} == set(samples)
    for name, facts in samples.items():
        assert facts["title"], name
        assert facts["said"].endswith("."), name
        assert "pseudobulk" in facts or facts["unit"] in UNITS, name
        assert set(facts.get("sums", {})) <= set(facts.get("types", {})) or "pseudobulk" in facts, name


@pytest.mark.shared
def test_every_file_is_there(sets, shared):
    samples, references = sets.described("samples").values(), sets.described("references").values()
    files = [file for facts in samples for file in (*facts.get("bulk", ()), *facts.get("truth", ()))]
    files += [facts["file"] for facts in references]
    files += [facts[key] for facts in samples for key in ("pseudobulk", "gene_map") if key in facts]
    assert not [file for file in files if not file.startswith("DEMO/") and not sets.place(file).is_file()]


@pytest.mark.shared
def test_a_case_holds_the_samples_and_their_truth(sets, shared, tmp_path):
    (case,) = sets.make(["tissues"], tmp_path)
    again = next(iter(sets.make(["tissues"], tmp_path / "again")))
    assert case.digest() == again.digest() == read_case(tmp_path / "tissues").digest()
    bulk = check.read_bulk(case.path(case.tests[0].bulk))
    truth = pd.read_csv(case.path(case.tests[0].truth), sep="\t", index_col=0)
    given = pd.read_csv(shared / "data" / "rat_shenorr_gse19830" / "truth.tsv", sep="\t", index_col=0)
    pd.testing.assert_frame_equal(truth, given[list(truth)], check_names=False)
    assert list(bulk.obs_names) == list(truth.index)
    assert case.tests[0].counts == "RNA"
