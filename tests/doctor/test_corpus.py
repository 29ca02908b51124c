"""Every awkward input ends in the fractions of the clean one, with a sentence, or is refused with one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import nnls

from unmix.errors import DataError
from unmix.io import check
from unmix.reference.prepare import prepare_reference

SPEC = importlib.util.spec_from_file_location("doctor_corpus", Path(__file__).with_name("corpus.py"))
corpus = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(corpus)
WITHIN = 0.005


def fractions(bulk, reference):
    """Return fractions by non-negative least squares, per million over the common genes."""
    genes = bulk.var_names.intersection(reference.var_names)
    per_million = reference[:, genes].to_df().pipe(lambda cells: cells.div(cells.sum(axis=1), axis=0))
    profiles = per_million.groupby(reference.obs["cell_type"].astype(str)).mean()
    samples = bulk[:, genes].to_df().pipe(lambda values: values.div(values.sum(axis=1), axis=0))
    fitted = np.array([nnls(profiles.to_numpy().T, sample)[0] for sample in samples.to_numpy()])
    shares = fitted / fitted.sum(1, keepdims=True)
    return pd.DataFrame(shares, index=bulk.obs_names, columns=profiles.index)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    path = tmp_path_factory.mktemp("clean") / "clean.tsv"
    corpus.BULK["clean"].write(path)
    return check.read_bulk(path, genes=corpus.REFERENCE.var)


def agree(found, want):
    names = list(want.index) if list(found.index) != list(want.index) and len(found) == len(want) else list(found.index)
    np.testing.assert_array_equal(found.columns, want.columns)
    off = found.to_numpy() - want.loc[names].to_numpy()
    assert np.sqrt((off**2).mean()) < WITHIN


def refused(error, case):
    assert case.words in error.value.found
    assert error.value.expected
    assert error.value.do


@pytest.mark.parametrize("name", corpus.BULK)
def test_a_bulk_gives_the_same_fractions_or_is_refused(tmp_path, clean, name):
    case = corpus.BULK[name]
    path = tmp_path / f"bulk{case.suffix}"
    case.write(path)
    if case.refused:
        with pytest.raises(DataError) as error:
            check.examine(path, case.unit, corpus.REFERENCE.var)
        return refused(error, case)
    bulk, findings = check.examine(path, case.unit, corpus.REFERENCE.var)
    assert case.words in " ".join(finding.sentence for finding in findings)
    return agree(fractions(bulk, corpus.REFERENCE), fractions(clean, corpus.REFERENCE))


@pytest.mark.parametrize("name", corpus.CELLS)
def test_single_cells_give_the_same_fractions_or_are_refused(tmp_path, clean, name):
    case = corpus.CELLS[name]
    path = tmp_path / f"cells{case.suffix}"
    case.write(path)
    if case.refused:
        with pytest.raises(DataError) as error:
            prepare_reference([path], "cell_type", case.donor, preset="none")
        return refused(error, case)
    reference = prepare_reference([path], "cell_type", case.donor, preset="none")
    assert case.words in " ".join(reference.uns["unmix"]["messages"])
    return agree(fractions(clean, reference), fractions(clean, corpus.REFERENCE))


@pytest.mark.parametrize("name", corpus.FOLDERS)
def test_a_folder_gives_the_same_fractions_or_is_refused(tmp_path, clean, name):
    case = corpus.FOLDERS[name]
    path, labels = tmp_path / "cells", tmp_path / "labels.tsv"
    corpus.REFERENCE.obs.to_csv(labels, sep="\t")
    case.write(path)
    if case.refused:
        with pytest.raises(DataError) as error:
            prepare_reference([path], "cell_type", "donor", preset="none", cells=labels)
        return refused(error, case)
    reference = prepare_reference([path], "cell_type", "donor", preset="none", cells=labels)
    assert case.words in " ".join(reference.uns["unmix"]["messages"])
    return agree(fractions(clean, reference), fractions(clean, corpus.REFERENCE))


@pytest.mark.parametrize("name", corpus.REFERENCES)
def test_a_reference_gives_the_same_fractions_or_is_refused(tmp_path, clean, name):
    case = corpus.REFERENCES[name]
    given = {"cell_type_key": "cell_type", "donor_key": "donor", "preset": "none"} | case.write(tmp_path)
    if case.refused:
        with pytest.raises(DataError) as error:
            prepare_reference(**given)
        return refused(error, case)
    reference = prepare_reference(**given)
    assert case.words in " ".join(reference.uns["unmix"]["messages"])
    if set(reference.obs["cell_type"]) == set(corpus.LABELS):
        agree(fractions(clean, reference), fractions(clean, corpus.REFERENCE))
    return None


@pytest.mark.parametrize("name", corpus.IDENTIFIERS)
def test_genes_by_any_name_give_the_same_fractions_or_are_refused(tmp_path, name):
    case = corpus.IDENTIFIERS[name]
    reference = corpus.REFERENCE.copy()
    reference.var_names = case.reference
    path, want = tmp_path / "bulk.tsv", tmp_path / "want.tsv"
    corpus.CLEAN.set_axis(case.bulk).to_csv(path, sep="\t", index_label="gene")
    if case.refused:
        with pytest.raises(DataError) as error:
            check.examine(path, genes=reference.var, **case.options)
        return refused(error, case)
    bulk, findings = check.examine(path, genes=reference.var, **case.options)
    assert case.words in " ".join(finding.sentence for finding in findings)
    corpus.CLEAN.set_axis(case.reference).to_csv(want, sep="\t", index_label="gene")
    return agree(fractions(bulk, reference), fractions(check.read_bulk(want, genes=reference.var), reference))
