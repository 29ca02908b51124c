"""Levels of the cell types of a reference: given, from the ontology, inferred; and which of them leads."""

from __future__ import annotations

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from unmix.errors import DataError, UsageError
from unmix.reference import Reference, resolution, tree
from unmix.reference.prepare import prepare_reference, read_reference

TYPES = ("B", "CD4T", "CD8T", "Monocyte")
GENES = 2500


def cells_of(types=TYPES, alike=("CD4T", "CD8T"), own=40, differ=6, number=60):
    """Return counts of cells of two donors: types have `own` markers each, but two share theirs but for `differ`."""
    rng = np.random.default_rng(1)
    mean = np.full((len(types), GENES), 2.0)
    for k, name in enumerate(types):
        mean[k, k * own : (k + 1) * own] = 40
        if name in alike:
            first = types.index(alike[0])
            mean[k, first * own : (first + 1) * own] = 40
            mean[k, k * own + differ : (k + 1) * own] = 40 if k == first else 2
    label = np.repeat(types, number)
    counts = rng.poisson(mean[np.repeat(np.arange(len(types)), number)]).astype(np.float32)
    donor = np.tile(["one", "two"], len(label) // 2)
    obs = pd.DataFrame({"cell_type": label, "donor": donor}, index=[f"cell{i}" for i in range(len(label))])
    return ad.AnnData(counts, obs=obs, var=pd.DataFrame(index=[f"GENE{i}" for i in range(GENES)]))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("cells") / "cells.h5ad"
    cells_of().write_h5ad(path)
    return path


def prepared(path, **options):
    return prepare_reference([path], "cell_type", "donor", preset="none", **options)


def table(tmp_path, text):
    (tmp_path / "tree.tsv").write_text(text)
    return tmp_path / "tree.tsv"


def test_types_that_few_markers_tell_apart_are_one_group_of_the_leading_level(path):
    made = prepared(path)
    levels = tree.levels_of(made)
    assert (levels.source, levels.names, levels.leads) == ("ontology", ["level_1", "level_2"], 1)
    assert levels.groups[0] == {"B": "B", "CD4T": "T cell", "CD8T": "T cell", "Monocyte": "Monocyte"}
    assert levels.groups[1] == dict.fromkeys(("B", "CD4T", "CD8T"), "lymphocyte") | {"Monocyte": "Monocyte"}
    said = " ".join(made.uns["unmix"]["messages"])
    assert "CD4T and CD8T cannot be told apart in level here; their sum (T cell) can." in said


def test_types_with_markers_of_their_own_lead(tmp_path):
    cells_of(alike=()).write_h5ad(tmp_path / "c.h5ad")
    levels = tree.levels_of(prepared(tmp_path / "c.h5ad"))
    assert (levels.leads, levels.alike) == (0, [])
    assert levels.groups[0]["CD8T"] == "T cell"


def test_without_names_that_are_known_groups_are_inferred(tmp_path):
    cells_of(types=("A1", "A2", "A3", "A4"), alike=("A2", "A3")).write_h5ad(tmp_path / "c.h5ad")
    levels = tree.levels_of(prepared(tmp_path / "c.h5ad"))
    assert (levels.source, levels.leads) == ("inferred", 1)
    assert levels.groups == [{"A1": "A1", "A2": "A2 + A3", "A3": "A2 + A3", "A4": "A4"}]
    assert levels.sentence() == "A2 and A3 cannot be told apart in level here; their sum can."


def test_levels_survive_the_file_and_a_selection_of_cells(path, tmp_path):
    prepared(path).write_h5ad(tmp_path / "r.h5ad")
    made = read_reference(tmp_path / "r.h5ad")
    assert Reference.from_anndata(made).levels.groups[0]["CD4T"] == "T cell"
    few = Reference.from_anndata(made[made.obs["cell_type"] != "CD8T"]).levels
    assert few.groups[0] == {"B": "B", "CD4T": "T cell", "Monocyte": "Monocyte"}
    assert few.alike == []


def test_a_given_tree_leads_with_its_finest_level_that_is_identified(path, tmp_path):
    given = table(
        tmp_path,
        "cell_type\tsubset\tlineage\nB\tB\tlymphoid\nCD4T\tT\tlymphoid\nCD8T\tT\tlymphoid\nMonocyte\tMonocyte\tmyeloid\n"
        "NK\tNK\tlymphoid\n",
    )
    made = prepared(path, cell_type_tree=given)
    levels = tree.levels_of(made)
    assert (levels.source, levels.names, levels.leads) == ("given", ["subset", "lineage"], 1)
    assert levels.groups[1]["B"] == "lymphoid"
    assert "tree.tsv names cell types that the reference lacks: NK." in made.uns["unmix"]["messages"]


def test_a_given_tree_that_parts_what_is_alike_says_so(path, tmp_path):
    given = table(tmp_path, "cell_type\tgroup\nB\tx\nCD4T\tx\nCD8T\ty\nMonocyte\ty\n")
    levels = tree.levels_of(prepared(path, cell_type_tree=given))
    assert levels.leads == 1
    assert levels.sentence() == "CD4T and CD8T cannot be told apart in level here; no level of the tree joins them."


def test_pairs_of_child_and_parent_are_levels_by_height(path, tmp_path):
    given = table(tmp_path, "child\tparent\nCD4T\tT\nCD8T\tT\nT\tlymphoid\nB\tlymphoid\nMonocyte\tmyeloid\n")
    levels = tree.levels_of(prepared(path, cell_type_tree=given))
    assert (levels.source, levels.leads) == ("given", 1)
    assert levels.groups[0] == {"B": "B", "CD4T": "T", "CD8T": "T", "Monocyte": "myeloid"}
    assert levels.groups[1] == {"B": "lymphoid", "CD4T": "lymphoid", "CD8T": "lymphoid", "Monocyte": "myeloid"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("child\tparent\nCD4T\tT\nCD4T\tU\n", "'CD4T' occurs twice"),
        ("child\tparent\nCD4T\tT\nT\tU\nU\tT\n", "are parents of each other"),
        ("child\tparent\nCD4T\t\n", "has an empty cell"),
        ("child\tparent\nCD4T\tT\nCD8T\tT\nB\tL\n", "does not name the cell type Monocyte"),
    ],
)
def test_pairs_that_are_no_tree_are_refused(path, tmp_path, text, found):
    with pytest.raises(DataError, match=found):
        prepared(path, cell_type_tree=table(tmp_path, text))


def test_columns_of_the_cells_are_levels_and_stay_out_of_the_reference(tmp_path):
    cells = cells_of()
    cells.obs["lineage"] = cells.obs["cell_type"].str.replace("CD.T", "T", regex=True)
    cells.obs["compartment"] = np.where(cells.obs["cell_type"] == "Monocyte", "myeloid", "lymphoid")
    cells.write_h5ad(tmp_path / "c.h5ad")
    made = prepared(tmp_path / "c.h5ad", cell_type_tree="obs:lineage,compartment")
    levels = tree.levels_of(made)
    assert (levels.names, levels.leads) == (["lineage", "compartment"], 1)
    assert levels.groups[0]["CD8T"] == "T"
    assert levels.groups[1]["B"] == "lymphoid"
    assert not [name for name in made.obs if name.startswith("obs:")]
    with pytest.raises(DataError, match="--cell-type-tree") as error:
        prepared(tmp_path / "c.h5ad", cell_type_tree="obs:lineages")
    assert error.value.do == "--cell-type-tree obs:lineage"
    with pytest.raises(DataError, match="the cells of type 'B' are in one, two of the column 'donor'"):
        prepared(tmp_path / "c.h5ad", cell_type_tree="obs:donor")
    with pytest.raises(UsageError, match="obs:COLUMN"):
        prepared(tmp_path / "c.h5ad", cell_type_tree="obs:")


def test_none_and_other_sources(path):
    assert not tree.levels_of(prepared(path, cell_type_tree="none")).groups
    assert tree.levels_of(prepared(path, cell_type_tree="inferred")).source == "inferred"
    with pytest.raises(UsageError, match="no such file and no such source"):
        prepared(path, cell_type_tree="onthology")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cell_type\tlevel\nB\tB\nB\tT\nCD4T\tT\nCD8T\tT\nMonocyte\tM\n", "the cell type 'B' occurs twice"),
        ("cell_type\tlevel\nB\tB\nCD4T\tT\nCD8T\tT\n", "does not name the cell type Monocyte"),
        ("cell_type\tlevel\nB\tB\nCD4T\t\nCD8T\tT\nMonocyte\tM\n", "the line of 'CD4T' has an empty cell"),
        ("cell_type\tlevel\nB\tB\nCD4T\tB\nCD8T\tT\nMonocyte\tM\n", "has the name of a cell type, and holds B, CD4T"),
        (
            "cell_type\tlevel\nB\tCD4T\nCD4T\tT\nCD8T\tT\nMonocyte\tM\n",
            "group 'CD4T' of level 'level' has the name",
        ),
        (
            "cell_type\tone\ttwo\nB\tB\tx\nCD4T\tT\tx\nCD8T\tT\ty\nMonocyte\tM\ty\n",
            "the group 'T' of level 'one' is in x, y of level 'two'",
        ),
        ("cell_type\nB\nCD4T\nCD8T\nMonocyte\n", "cell_type"),
    ],
)
def test_tables_that_are_no_tree_are_refused_with_a_sentence(path, tmp_path, text, found):
    with pytest.raises(DataError, match=found) as error:
        prepared(path, cell_type_tree=table(tmp_path, text))
    assert error.value.do


def test_damaged_levels_of_a_reference_are_an_error_of_the_data(path):
    made = prepared(path)
    told = json.loads(made.uns["unmix"]["levels"])
    for damaged in ("{", json.dumps(told | {"leads": 9}), json.dumps(told | {"groups": [{"B": "x"}]})):
        made.uns["unmix"] = made.uns["unmix"] | {"levels": damaged}
        with pytest.raises(DataError, match="levels of cell types of the reference are damaged"):
            tree.levels_of(made)


def test_markers_that_only_one_donor_has_do_not_count(path):
    cells = cells_of(differ=0)
    assert resolution.markers(cells, TYPES)[2, 1] == 0
    cells = cells_of(alike=())
    whole = resolution.markers(cells, TYPES)[1, 2]
    one = (cells.obs["donor"] == "one").to_numpy() & (cells.obs["cell_type"] == "CD4T").to_numpy()
    cells.X[np.ix_(one, np.arange(40, 60))] = 2
    assert whole == 40
    assert resolution.markers(cells, TYPES)[1, 2] == 20


def test_small_panels_need_fewer_markers():
    assert [resolution.needed(number) for number in (50, 1200, 20000)] == [1, 12, 20]


def test_a_type_of_few_cells_is_joined_with_none(path):
    cells = ad.read_h5ad(path)
    kept = np.flatnonzero((cells.obs["cell_type"] != "CD8T").to_numpy() | (np.arange(cells.n_obs) % 10 == 0))
    said = []
    few = cells[kept].copy()
    few.uns["unmix"] = {}
    tree.mark(few, "auto", said)
    assert tree.levels_of(few).leads == 0
