"""What every method must keep, whatever it is: parametrised over the registry."""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unmix import engine, methods
from unmix.contract.model import Model
from unmix.engine import explanation
from unmix.engine.alignment import transductive
from unmix.errors import DataError, NotApplicable
from unmix.io import levels
from unmix.reference import tree
from unmix.simulate.toy import CELL_TYPES, as_profiles, toy

if TYPE_CHECKING:
    import anndata as ad

METHODS = methods.all_methods()
LEARNING = [name for name, method in METHODS.items() if method.info.family != "control"]
FRACTIONS = [name for name in LEARNING if METHODS[name].quantity != "score"]
SETS = {"StromalSignature": 0, "ImmuneSignature": 40}
MALIGNANT = ("Monocyte/Macrophage", "NK")
#: RMSE of `uniform` on the toy bulk is about 0.15; a quickly trained method must be this far below it.
FLOOR = 0.7


@pytest.fixture(scope="session")
def data():
    """Return toy data whose reference names groups of its cell types: T cells, and lymphocytes."""
    reference, bulk = toy()
    tree.mark(reference, "ontology", [])
    return reference, bulk


@functools.cache
def samples(seed: int) -> ad.AnnData:
    """Return the bulk of the toy data."""
    return toy(seed=seed)[1]


def inputs(name: str) -> dict:
    """Return what a method needs beside a reference of single cells."""
    needs, given = METHODS[name].needs, {}
    if needs.bulk:
        given["bulk"] = samples(0).copy()
    if needs.calibration:
        bulk = samples(7).copy()
        given["calibration"] = bulk, bulk.obsm["cell_fractions"]
    if needs.malignant:
        given["malignant"] = MALIGNANT
    if needs.gene_sets:
        given["gene_sets"] = [gene_sets()]
    if needs.prior:
        given["prior"] = dict(zip(CELL_TYPES, (0.1, 0.3, 0.2, 0.2, 0.1, 0.1), strict=True))
    return given


@functools.cache
def gene_sets() -> Path:
    """Return a file of two gene sets of the toy data, as a method of tumours wants them."""
    path = Path(tempfile.mkdtemp()) / "sets.gmt"
    genes = toy()[0].var_names
    path.write_text("".join(f"{name}\t\t" + "\t".join(genes[at : at + 40]) + "\n" for name, at in SETS.items()))
    return path


def reference_of(name: str, reference: ad.AnnData) -> ad.AnnData:
    """Return the reference as the kind that a method learns from."""
    return as_profiles(reference) if METHODS[name].needs.profiles else reference


def learn(name: str, reference: ad.AnnData, **options) -> Model:
    """Train a method quickly, with all it needs."""
    return engine.train(name, reference_of(name, reference), device="cpu", quick=True, **inputs(name) | options)


def brief(name: str) -> list[str]:
    """Return settings of the shortest training that is a whole one, for what does not depend on its accuracy."""
    return ["train.steps=20", "train.validate_every=10"] if METHODS[name].info.family == "deep" else []


def types_of(name: str) -> list[str]:
    return ["malignant", "normal"] if METHODS[name].needs.malignant else sorted(CELL_TYPES)


def truth_of(name: str, bulk: ad.AnnData) -> np.ndarray:
    truth = bulk.obsm["mrna_fractions" if METHODS[name].quantity == "mrna" else "cell_fractions"]
    if METHODS[name].needs.malignant:
        purity = truth[list(MALIGNANT)].sum(axis=1).to_numpy()
        return np.stack([purity, 1 - purity], axis=1)
    return truth[sorted(CELL_TYPES)].to_numpy()


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """Return an empty folder, the working directory of every training of :func:`quick`."""
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="session")
def quick(data, empty):
    """Train every method once, quickly; later calls with the same settings get the same model."""
    models = {}

    def train(name: str, *settings: str) -> Model:
        if (name, settings) not in models:
            with contextlib.chdir(empty):
                models[name, settings] = learn(name, data[0], settings=settings)
        return models[name, settings]

    return train


def estimate(model: Model, bulk: ad.AnnData) -> np.ndarray:
    return engine.predict(model, bulk, device="cpu").values.to_numpy()


def rmse(values: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(((values - truth) ** 2).mean()))


@pytest.mark.parametrize("name", METHODS)
def test_declares_itself(name):
    described = methods.describe(METHODS[name])
    assert json.loads(json.dumps(described)) == described
    assert "default" in described["recipes"]


@pytest.mark.parametrize("name", METHODS)
def test_output_is_samples_by_types(name, data, quick):
    fractions = engine.predict(quick(name), data[1], device="cpu")
    assert list(fractions.values.index) == list(data[1].obs_names)
    assert list(fractions.values.columns) == (
        quick(name).cell_types if METHODS[name].needs.gene_sets else types_of(name)
    )
    values = fractions.values.to_numpy()
    assert np.isfinite(values).all()
    if fractions.quantity == "score":
        assert fractions.lower.isna().to_numpy().all()
        return
    assert (values >= 0).all()
    assert np.allclose(values.sum(1), 1, atol=1e-6)
    assert (fractions.lower <= fractions.values).to_numpy().all()
    assert (fractions.values <= fractions.upper).to_numpy().all()


@pytest.mark.parametrize("name", METHODS)
def test_fractions_have_levels_whose_sums_agree_and_whose_intervals_are_of_the_sums(name, data, quick):
    found = engine.predict(quick(name), data[1], device="cpu")
    if found.quantity == "score" or METHODS[name].needs.malignant or METHODS[name].needs.profiles:
        assert not found.sums
        return
    assert found.levels.names == ["level_1", "level_2"]
    truth = data[1].obsm[f"{found.quantity}_fractions"][list(found.values)]
    covered = []
    for groups, own in found.by_groups():
        assert np.array_equal(own.values, levels.summed(found.values, groups))
        assert ((own.lower <= own.values) & (own.values <= own.upper)).all(axis=None)
        known = levels.summed(truth, groups)
        covered.append(((own.lower <= known) & (known <= own.upper)).to_numpy().mean())
    if name in LEARNING and not METHODS[name].needs.calibration:
        assert np.mean(covered) > 0.75
    widths = [(part.upper - part.lower) for part in (found, found.sums[0])]
    assert (widths[1]["T cell"] < widths[0][["CD4+ T", "CD8+ T", "γδ T"]].sum(axis=1)).mean() > 0.9


@pytest.mark.parametrize("name", METHODS)
def test_same_seed_same_model_and_other_seed_other_model(name, data, quick, tmp_path):
    again, other = (  # with a checkpoint, as in the pipeline
        learn(name, data[0], settings=brief(name), seed=seed, checkpoint=tmp_path / f"checkpoint{seed}")
        for seed in (0, 1)
    )
    for number, model in enumerate((quick(name, *brief(name)), again, other)):
        model.save(tmp_path / f"{number}.safetensors")
    first, second, other = ((tmp_path / f"{n}.safetensors").read_bytes() for n in range(3))
    assert first == second
    assert first != other


@pytest.mark.parametrize("name", METHODS)
def test_saved_model_predicts_the_same_bytes(name, data, quick, tmp_path):
    quick(name).save(tmp_path / "model.safetensors")
    loaded = Model.load(tmp_path / "model.safetensors")
    assert np.array_equal(estimate(loaded, data[1]), estimate(quick(name), data[1]))


@pytest.mark.parametrize("name", METHODS)
def test_a_sample_alone_gets_the_same_bytes(name, data, quick):
    if METHODS[name].transductive:
        pytest.skip(f"{name} declares itself transductive")
    together = estimate(quick(name), data[1])
    assert np.array_equal(estimate(quick(name), data[1][3:4].copy()), together[3:4])
    assert np.array_equal(estimate(quick(name), data[1][::-1].copy())[::-1], together)  # every sample at another place
    changed = data[1].copy()
    changed.X = changed.X.copy()
    changed.X[0] = changed.X[0][::-1]
    assert np.array_equal(estimate(quick(name), changed)[1:], together[1:])


@pytest.fixture(scope="module")
def bulks(data):
    """Return samples, and the same with others beside them, in which other genes vary, are high or are seen at all."""
    import anndata as ad

    few, others = data[1][:8].copy(), data[1][8:].copy()
    genes = np.random.default_rng(0).permutation(few.n_vars)
    few.X[:, genes[:100]] = 0
    others.X[:, genes[50:100]] *= 200
    return few, ad.concat([few, others], uns_merge="same")


@pytest.mark.parametrize(("name", "recipe"), [(name, recipe) for name in LEARNING for recipe in METHODS[name].recipes])
def test_a_bulk_at_training_that_moves_its_samples_is_declared(name, recipe, data, bulks):
    if METHODS[name].transductive_of(METHODS[name].recipes[recipe]):
        pytest.skip(f"{name} {recipe} declares itself transductive")
    settings = ["train.steps=1"] if METHODS[name].info.family == "deep" else []
    if settings and METHODS[name].recipes[recipe].simulation.samples:
        settings.append("simulation.samples=100")
    try:
        models = [learn(name, data[0], recipe=recipe, settings=settings, bulk=bulk) for bulk in bulks]
    except NotApplicable:
        pytest.skip(f"{name} {recipe} needs what the toy data lack")
    alone, beside_others = (estimate(model, bulks[0]) for model in models)
    assert np.array_equal(alone, beside_others) or all(map(transductive, models))


@pytest.mark.parametrize(
    ("name", "recipe", "learns"),
    [
        ("bayesprism", "default", True),
        ("scaden", "published", True),
        ("scaden", "default", False),
        ("nnls", "default", False),
    ],
)
def test_a_method_says_whether_it_learned_from_the_samples(name, recipe, learns, data, bulks):
    said = []
    model = learn(name, data[0], recipe=recipe, bulk=bulks[0])
    engine.predict(model, bulks[0], device="cpu", say=said.append)
    assert transductive(model) == learns
    assert sum("bulk given at training" in sentence for sentence in said) == learns
    assert not transductive(learn(name, data[0], recipe=recipe))


@pytest.mark.parametrize("name", METHODS)
def test_order_of_genes_and_samples_does_not_matter(name, data, quick):
    bulk = data[1]
    genes, samples = np.random.default_rng(0).permutation(bulk.n_vars), np.arange(bulk.n_obs)[::-1]
    shuffled = estimate(quick(name), bulk[samples][:, genes].copy())
    assert np.allclose(shuffled, estimate(quick(name), bulk)[samples], atol=1e-6)


@pytest.mark.parametrize("name", LEARNING)
def test_depth_of_a_sample_does_not_matter(name, data, quick):
    deeper = data[1].copy()
    deeper.X = deeper.X * 7.0
    assert np.allclose(estimate(quick(name), deeper), estimate(quick(name), data[1]), atol=1e-4)


@pytest.mark.parametrize("name", LEARNING)
def test_missing_genes_are_said_then_refused(name, data, quick):
    model, rng = quick(name), np.random.default_rng(0)
    order = rng.permutation(model.genes)
    few, most = order[: len(order) // 10], order[: len(order) * 6 // 10]
    said = []
    without = data[1][:, ~data[1].var_names.isin(few)].copy()
    assert engine.predict(model, without, device="cpu", say=said.append).values.shape == (24, len(model.cell_types))
    assert any("of the" in sentence for sentence in said)
    refused = NotApplicable if model.facts["published"] else DataError  # published genes are a limit of the method
    with pytest.raises(refused, match=r"of the .* genes of"):
        engine.predict(model, data[1][:, ~data[1].var_names.isin(most)].copy(), device="cpu")


@pytest.mark.parametrize("name", FRACTIONS)
def test_beats_uniform(name, data, quick):
    truth = truth_of(name, data[1])
    uniform = rmse(np.full(truth.shape, 1 / truth.shape[1]), truth)
    assert rmse(estimate(quick(name), data[1]), truth) < FLOOR * uniform


@pytest.mark.parametrize("name", FRACTIONS)
def test_intervals_hold_the_truth_of_unseen_donors(name, data, quick):
    fractions = engine.predict(quick(name), data[1], device="cpu", level=0.9)
    truth = truth_of(name, data[1])
    inside = (fractions.lower <= truth) & (truth <= fractions.upper)
    assert inside.to_numpy().mean() > 0.87  # two unseen donors of 24 samples; by 144 independent values .85 to .95
    assert (fractions.upper - fractions.lower).to_numpy().mean() < 0.5
    wider = engine.predict(quick(name), data[1], device="cpu", level=0.98)
    assert ((wider.upper - wider.lower) >= (fractions.upper - fractions.lower)).to_numpy().all()


@pytest.mark.parametrize("name", [n for n in METHODS if METHODS[n].needs.bulk or METHODS[n].needs.calibration])
def test_says_what_it_needs(name, data):
    with pytest.raises(NotApplicable, match=r"none (was|were) given"):
        engine.train(name, data[0], device="cpu", quick=True)


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].takes != "gene_sets"])
def test_files_for_a_method_that_takes_none_are_refused(name, data):
    with pytest.raises(NotApplicable, match="takes no --gene-sets") as error:
        engine.train(name, data[0], gene_sets=[gene_sets()], device="cpu", quick=True)
    assert "mcpcounter" in error.value.expected


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].needs.malignant])
def test_asks_which_types_are_malignant(name, data):
    with pytest.raises(NotApplicable, match="--malignant"):
        engine.train(name, data[0], device="cpu", quick=True)


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].needs.profiles])
def test_asks_for_a_reference_of_profiles(name, data):
    with pytest.raises(NotApplicable, match="tissue"):
        engine.train(name, data[0], device="cpu", quick=True)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("donors", ["one", "none"])
def test_single_donor_works_or_says_why_not(name, donors, data):
    reference = data[0][data[0].obs["donor"] == "donor1"].copy()
    if donors == "none":
        reference.obs["donor"] = "all"
    if METHODS[name].needs.donors > 1:
        with pytest.raises(NotApplicable, match="donors"):
            learn(name, reference)
        return
    said = []
    model = learn(name, reference, settings=brief(name), say=said.append)
    assert np.isfinite(estimate(model, data[1])).all()
    why = "no intervals" if METHODS[name].needs.profiles else "optimistic"  # there is one profile of each type
    assert any(why in sentence for sentence in said)


@pytest.mark.parametrize("name", METHODS)
def test_a_rare_type_and_a_single_cell_are_survived(name, data):
    obs = data[0].obs["cell_type"]
    rare = np.flatnonzero(obs == "NK")[:1]
    reference = data[0][np.concatenate([np.flatnonzero(obs != "NK"), rare])].copy()
    assert np.isfinite(estimate(learn(name, reference, settings=brief(name)), data[1])).all()


@pytest.mark.parametrize("name", METHODS)
def test_one_cell_type_is_not_applicable(name, data):
    reference = data[0][data[0].obs["cell_type"] == "NK"].copy()
    with pytest.raises(NotApplicable, match="one cell type"):
        learn(name, reference)


@pytest.mark.parametrize("name", METHODS)
def test_header_tells_how_it_was_made(name, quick):
    model = quick(name)
    assert bool(model.recipe) == (METHODS[name].info.family != "control")
    assert {"unmix", "seed", "training", "intervals", "reference", "quick"} <= set(model.facts)
    assert model.facts["intervals"]["held_out"] in ("donors", "replicates", "calibration samples")
    number = 4 if METHODS[name].needs.profiles else 60  # a profile for each donor
    cells = {"malignant": 120, "normal": 240} if METHODS[name].needs.malignant else dict.fromkeys(CELL_TYPES, number)
    assert model.facts["reference"]["cells_per_type"] == dict(sorted(cells.items()))


@pytest.mark.parametrize("name", [name for name in FRACTIONS if not METHODS[name].needs.malignant])
def test_counts_that_stand_for_the_mrna_are_those_of_all_cells(name, data, quick):
    """Methods learn from different cells, but a consensus needs one mRNA per cell."""
    found = engine.predict(quick(name), data[1], mrna_per_cell="reference", device="cpu").mrna_per_cell
    counts = data[0].obs.assign(sum=np.asarray(data[0].X.sum(1)).ravel()).groupby("cell_type", observed=True)["sum"]
    expected = {} if METHODS[name].needs.calibration or METHODS[name].needs.profiles else counts.mean().to_dict()
    assert found.get("values", {}) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_written(name, data, quick, empty, monkeypatch):
    monkeypatch.chdir(empty)
    estimate(quick(name), data[1])
    assert not list(empty.iterdir())


@pytest.mark.parametrize("name", LEARNING)
def test_a_model_of_other_settings_asks_to_be_trained_again(name, data, quick):
    old = replace(quick(name), recipe={**quick(name).recipe, "dropped_setting": 1})
    with pytest.raises(DataError, match=r"dropped_setting(.|\n)*train it again"):
        estimate(old, data[1])


@pytest.mark.parametrize("name", FRACTIONS)
def test_attributions_sum_to_the_estimate(name, data, quick):
    few = data[1][:3].copy()
    found = explanation.explain(quick(name), few, device="cpu")
    assert found.values.shape == (3, len(types_of(name)), len(quick(name).genes))
    assert found.error() < 0.01
    if not METHODS[name].transductive:
        assert np.allclose(found.estimate, estimate(quick(name), few), atol=1e-5)
