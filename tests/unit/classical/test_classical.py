"""Tests of unmix.solvers, of the base of classical methods, and of what is particular to single ones."""

from __future__ import annotations

import numpy as np
import pytest

from unmix import engine
from unmix.classical import solvers
from unmix.classical.normal import room_for, solutions, weighted_solutions
from unmix.classical.solvers import em, gibbs, nonnegative, softmax_map, sum_constrained, weighted_nonnegative
from unmix.classical.svr import nu_svr
from unmix.contract.blocks import in_blocks
from unmix.errors import NotApplicable
from unmix.methods.bayesprism import UNINFORMATIVE
from unmix.methods.dwls import Recipe as DWLS
from unmix.methods.dwls import damping, dwls
from unmix.methods.nusvr import Recipe as NuSVR
from unmix.methods.nusvr import cibersort
from unmix.methods.ols import abbas
from unmix.methods.ridge import ridge
from unmix.reference.markers import find_markers, markers
from unmix.simulate.pseudobulk import pseudobulk
from unmix.simulate.recipe import Simulation
from unmix.simulate.toy import toy


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def data():
    return toy()


def mixture(rng, genes=200, types=5, noise=0.0):
    signature = rng.lognormal(0, 1.5, (genes, types))
    fractions = rng.dirichlet(np.ones(types))
    return signature, fractions, signature @ fractions * np.exp(noise * rng.standard_normal(genes))


@pytest.mark.parametrize("exactly", [True, False])
@pytest.mark.parametrize("total", [0.6, 1.0, 1.7])
def test_sum_constraint_holds_and_nothing_feasible_is_better(rng, exactly, total):
    signature, fractions, _ = mixture(rng, genes=30)
    target = total * signature @ fractions + 0.1 * rng.standard_normal(30)
    found = sum_constrained(signature, target, exactly=exactly)
    assert (found >= 0).all()
    assert found.sum() <= 1 + 1e-9
    assert not exactly or np.isclose(found.sum(), 1)
    for other in rng.dirichlet(np.full(5, 0.5), 500) * (1 if exactly else rng.random((500, 1))):
        step = 0.99 * found + 0.01 * other  # the problem is convex: the optimum is where no step is downhill
        assert ((signature @ found - target) ** 2).sum() <= ((signature @ step - target) ** 2).sum() + 1e-9


def test_the_multiplier_is_found_in_a_few_steps(rng, monkeypatch):
    calls = []

    def counted(design, target):
        calls.append(1)
        return nonnegative(design, target)

    monkeypatch.setattr(solvers, "nonnegative", counted)
    for _ in range(50):
        signature, fractions, _ = mixture(rng, genes=100, types=12)
        target = rng.uniform(0.5, 2) * signature @ fractions * np.exp(0.3 * rng.standard_normal(100))
        assert np.isclose(sum_constrained(signature, target, exactly=True).sum(), 1, rtol=0, atol=1e-12)
    assert len(calls) / 50 < 5  # bracketing the root took 8


def test_sum_constraint_survives_equal_types_and_an_empty_design():
    equal = sum_constrained(np.ones((4, 2)), np.ones(4), exactly=True)
    assert np.isclose(equal.sum(), 1)
    assert np.allclose(sum_constrained(np.zeros((4, 2)), np.ones(4), exactly=True), 0.5)


@pytest.mark.parametrize("nu", [0.25, 0.5, 0.75])
def test_nu_svr_reaches_the_optimum_that_libsvm_approaches(rng, nu):
    from sklearn.svm import NuSVR as LibSVM

    signature, _, sample = mixture(rng, noise=0.5)
    design = (signature - signature.mean()) / signature.std()
    target = (sample - sample.mean()) / sample.std()
    reference = LibSVM(nu=nu, C=1.0, kernel="linear", tol=1e-7).fit(design, target).coef_[0]
    assert np.allclose(nu_svr(design, target, nu), reference, atol=1e-4)


def test_nu_svr_ignores_the_order_of_genes(rng):
    signature, _, sample = mixture(rng, noise=0.5)
    order = rng.permutation(len(sample))
    assert np.allclose(nu_svr(signature, sample, 0.5), nu_svr(signature[order], sample[order], 0.5), atol=1e-6)


@pytest.mark.parametrize(
    "solve",
    [
        nonnegative,
        abbas,
        lambda signature, sample: ridge(signature, sample, 1e-9),
        lambda signature, sample: cibersort(signature, sample, NuSVR()),
        lambda signature, sample: dwls(signature, sample[None], DWLS())[0],
        lambda signature, sample: sum_constrained(signature, sample, exactly=True),
    ],
    ids=["nnls", "ols", "ridge", "nusvr", "dwls", "constrained"],
)
def test_a_mixture_without_noise_is_recovered(rng, solve):
    signature, fractions, sample = mixture(rng)
    found = solve(signature, sample)
    assert np.allclose(found / found.sum(), fractions, atol=0.01)


def test_abbas_drops_the_most_negative_first():
    signature = np.array([[1.0, 0.9, 0], [0, 0.5, 0], [0, 0, 1], [0.2, 0.4, 0.1]])
    sample = np.array([1.0, -0.5, 0.5, 0])
    found = abbas(signature, sample)
    assert (found >= 0).all()
    assert found[1] == 0


def test_ridge_draws_similar_types_together(rng):
    signature, _, _ = mixture(rng, types=2)
    signature[:, 1] = signature[:, 0] * np.exp(0.02 * rng.standard_normal(200))
    sample = signature @ [0.5, 0.5] * np.exp(0.3 * rng.standard_normal(200))
    free, penalised = nonnegative(signature, sample), ridge(signature, sample, 0.01)
    assert abs(penalised[0] - penalised[1]) < abs(free[0] - free[1])


def test_weighted_regression_trusts_genes_that_donors_share(rng):
    signature, fractions, sample = mixture(rng)
    odd = np.arange(200) % 4 == 0
    sample[odd] *= 3
    variance = np.where(odd[:, None], signature**2, 1e-6)
    found = weighted_nonnegative(signature, sample, variance, np.ones(5), nu=1e-4, tolerance=1e-6)
    plain = nonnegative(signature, sample)
    assert np.abs(found - fractions).max() < 0.5 * np.abs(plain / plain.sum() - fractions).max()


def test_dwls_finds_a_rare_type_of_low_expression(rng):
    signature = rng.lognormal(0, 0.1, (60, 2)) * np.where(np.arange(60)[:, None] < 30, [100, 0.01], [0.01, 1])
    sample = signature @ [0.95, 0.05] * np.exp(0.2 * rng.standard_normal(60)) + 1e-6
    found = dwls(signature, sample[None], DWLS())[0]
    assert abs(found[1] / found.sum() - 0.05) < 0.02


def independent(signature, sample, cap):
    """Return DWLS as its paper puts it: weights 1 / (signature x)^2, the least 1, none above `cap`."""
    from scipy.optimize import lsq_linear

    x = lsq_linear(signature, sample, (0, np.inf)).x
    for _ in range(1000):
        root = np.sqrt(np.minimum((signature @ x).max() ** 2 / (signature @ x) ** 2, cap))
        new = (lsq_linear(signature * root[:, None], sample * root, (0, np.inf)).x + 4 * x) / 5
        x, change = new, np.abs(new - x).sum()
        if change < 1e-4:
            return x
    return x


def test_damping_is_that_of_a_loop_over_caps_and_halves():
    rng = np.random.default_rng(11)
    signature, fractions = rng.lognormal(0, 1.2, (80, 3)), rng.dirichlet(np.ones(3))
    sample = signature @ fractions * np.exp(0.3 * rng.standard_normal(80))
    sample += 0.05 * rng.standard_exponential(80) * rng.random()
    signature, sample = signature / signature.mean(), sample / sample.mean()
    start = nonnegative(signature, sample)
    weights = (signature @ start).max() ** 2 / (signature @ start) ** 2
    spread = []
    for j in range(int(np.ceil(np.log2(weights.max())))):
        solutions, halves = [], np.random.default_rng(7)
        for _ in range(400):
            half = halves.permutation(80)[:40]
            root = np.sqrt(np.minimum(weights, 2.0**j))[half]
            found = np.linalg.lstsq(signature[half] * root[:, None], sample[half] * root, rcond=None)[0]
            solutions.append(found * start.sum() / found.sum())
        spread.append(np.var(solutions, axis=0, ddof=1).mean())
    best = int(np.argmin(spread))
    assert 1 < best < len(spread) - 1  # neither end, so that a wrong choice can be seen
    assert damping(signature, sample, start, 400, room_for(4, 80)) == 2.0**best
    found = dwls(signature, sample[None], DWLS())[0]
    assert np.allclose(found, independent(signature, sample, 2.0**best), atol=1e-3)
    for wrong in (best - 1, best + 1):
        assert np.abs(found - independent(signature, sample, 2.0**wrong)).max() > 0.01


def test_damping_needs_little_memory_with_many_types():
    import tracemalloc

    rng = np.random.default_rng(2)
    signature = rng.lognormal(0, 2, (3000, 60)) * rng.lognormal(0, 3, (3000, 1))
    sample = signature @ rng.dirichlet(np.ones(60))
    tracemalloc.start()
    damping(signature, sample, nonnegative(signature, sample), 100, room_for(61, 3000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500e6  # the products of all genes under all caps would be 2 GB


@pytest.mark.parametrize("number", [5, 20])
def test_normal_equations_have_the_solutions_of_weighted_samples(rng, number):
    signature = rng.lognormal(0, 1.5, (1500, number))
    samples = (rng.dirichlet(np.full(number, 0.3), 9) @ signature.T) * np.exp(0.5 * rng.standard_normal((9, 1500)))
    weights, needed = rng.lognormal(0, 3, (9, 1500)), np.arange(9) < 8
    expected = [
        nonnegative(signature * np.sqrt(w)[:, None], s * np.sqrt(w)) for w, s in zip(weights, samples, strict=True)
    ]
    for active in (np.ones((9, number), bool), np.array(expected) > 0, rng.random((9, number)) < 0.5):
        found = weighted_solutions(signature, samples, weights, active, needed, room_for(number, 1500))
        assert np.allclose(found[needed], np.array(expected)[needed], rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["noise", "explained", "equal types", "a type without genes"])
def test_a_triangle_of_all_columns_gives_the_solutions(rng, kind):
    signature = rng.lognormal(0, 1, (40, 5))
    if kind == "equal types":
        signature[:, 1] = signature[:, 0]
    elif kind == "a type without genes":
        signature[:, 1] = 0
    sample = signature @ rng.dirichlet(np.ones(5)) * np.exp(0.3 * rng.standard_normal(40) * (kind == "noise"))
    columns = np.column_stack([signature, sample])
    found = solutions(np.stack([columns.T @ columns] * 2))
    best = np.linalg.lstsq(signature, sample, rcond=None)[0]
    assert np.allclose(signature @ found[0], signature @ best, rtol=0, atol=1e-6)
    assert np.array_equal(*found)
    assert not solutions(np.zeros((3, 2, 2)) + np.diag([1.0, 0])).any()  # nothing of a sample in a half


def test_dwls_of_a_sample_is_its_own(rng):
    signature = rng.lognormal(0, 1.5, (300, 6))
    samples = (rng.dirichlet(np.full(6, 0.3), 70) @ signature.T) * np.exp(0.5 * rng.standard_normal((70, 300)))
    samples[3] = 0  # what fits nothing has no weights
    together = in_blocks(lambda block: dwls(signature, block, DWLS()), samples)
    assert np.array_equal(in_blocks(lambda block: dwls(signature, block, DWLS()), samples[[69, 3]]), together[[69, 3]])
    assert not together[3].any()
    assert together[[0, 69]].any(1).all()


def test_em_is_the_mean_of_the_gibbs_sampler(rng):
    signature, fractions, _ = mixture(rng)
    profiles = (signature / signature.sum(0)).T
    reads = rng.poisson(2e5 * fractions @ profiles).astype(float)
    sampled, assigned = gibbs(reads, profiles, 300, 100)
    assert np.allclose(em(reads, profiles, 500), sampled, atol=0.01)
    assert np.allclose(assigned.sum(0), reads)
    assert np.array_equal(gibbs(reads, profiles, 20, 10)[0], gibbs(reads, profiles, 20, 10)[0])


def test_updated_profiles_lie_between_the_prior_and_the_reads(rng):
    profiles = rng.dirichlet(np.ones(50), 2)
    other = rng.dirichlet(np.ones(50), 2)
    many, few = softmax_map(profiles, 1e6 * other, 2.0), softmax_map(profiles, 1e-3 * other, 2.0)
    assert np.allclose(many.sum(1), 1)
    assert np.allclose(many, other, atol=1e-3)
    assert np.allclose(few, profiles, atol=1e-3)


@pytest.mark.parametrize(
    ("gene", "left_out"),
    [
        ("RPL13A", 1),
        ("RPS4X", 1),
        ("MT-CO1", 1),
        ("Rps27", 1),
        ("MRPL12", 1),
        ("RPS6KA1", 0),
        ("MTOR", 0),
        ("RPLP0", 1),
    ],
)
def test_uninformative_genes_are_told_by_name(gene, left_out):
    import re

    assert bool(re.match(UNINFORMATIVE, gene)) == bool(left_out)


def test_dtangle_markers_belong_to_one_type(rng):
    profiles = rng.lognormal(0, 1, (4, 100))
    chosen = find_markers(profiles, 5)
    assert (chosen.sum(1) == 5).all()
    assert chosen.sum(0).max() == 1
    assert (find_markers(profiles, 0).sum(1) >= 1).all()


def test_bisque_says_why_it_cannot_take_one_sample(data):
    model = engine.train("bisque", data[0], quick=True, device="cpu")
    with pytest.raises(NotApplicable, match="1 bulk sample") as error:
        engine.predict(model, data[1][:1].copy(), device="cpu")
    assert "one by one" in str(error.value)


def test_published_bisque_refuses_donors_of_equal_composition(data):
    with pytest.raises(NotApplicable, match="same proportions"):
        engine.train("bisque", data[0], recipe="published", quick=True, device="cpu")


def test_updating_bayesprism_needs_the_bulk_and_uses_it(data):
    settings = ["update=true", "outlier=1"]
    with pytest.raises(NotApplicable, match="adapts its profiles"):
        engine.train("bayesprism", data[0], settings=settings, quick=True, device="cpu")
    plain = engine.train("bayesprism", data[0], settings=settings[1:], quick=True, device="cpu")
    adapted = engine.train("bayesprism", data[0], bulk=data[1], settings=settings, quick=True, device="cpu")
    assert not np.allclose(plain.arrays["profile"], adapted.arrays["profile"], rtol=0.01)
    alone = engine.predict(adapted, data[1][2:3].copy(), device="cpu").values
    assert np.array_equal(alone, engine.predict(adapted, data[1], device="cpu").values[2:3])


@pytest.mark.parametrize("name", ["nnls", "nusvr", "bayesprism", "dtangle", "music"])
def test_fractions_of_cells_and_of_mrna_are_converted(data, name):
    errors = {}
    for kind in ("cell", "mrna"):
        model = engine.train(name, data[0], settings=[f"fractions={kind}"], quick=True, device="cpu")
        assert model.quantity == kind
        found = engine.predict(model, data[1], device="cpu").values
        for other in ("cell", "mrna"):
            truth = data[1].obsm[f"{other}_fractions"][found.columns]
            errors[kind, other] = float(((found - truth) ** 2).to_numpy().mean())
    assert errors["cell", "cell"] < errors["cell", "mrna"]
    assert errors["mrna", "mrna"] < errors["mrna", "cell"]


@pytest.mark.parametrize("rule", ["differential", "variance", "expressed"])
def test_genes_are_chosen_by_the_recipe(data, rule):
    model = engine.train("nnls", data[0], settings=[f"genes.rule={rule}", "genes.top=150"], quick=True, device="cpu")
    assert model.recipe["genes"]["rule"] == rule
    expressed = int((data[0].X.sum(0) > 0).sum())
    least, most = {"differential": (50, 599), "variance": (150, 150), "expressed": (expressed, expressed)}[rule]
    assert least <= len(model.genes) <= most


@pytest.fixture(scope="module")
def housekeeping(data):
    """A reference with genes that mark no type, and pseudobulk of it."""
    import anndata as ad
    from scipy.sparse import csr_matrix, hstack

    rng, cells = np.random.default_rng(0), data[0]
    types = np.unique(cells.obs["cell_type"], return_inverse=True)[1]
    level = np.linspace(0.3, 3, types.max() + 1)[types] * cells.X.sum(1).A1 / 300
    counts = csr_matrix(hstack([cells.X, rng.poisson(level[:, None] * np.ones(300))]), dtype=np.float32)
    reference = ad.AnnData(counts, cells.obs.copy(), uns=cells.uns.copy())
    reference.var_names = [*cells.var_names, *(f"HOUSE{i}" for i in range(300))]
    return reference, pseudobulk(reference, Simulation(cells=500), 30, 1)


@pytest.mark.parametrize("name", ["bisque", "epic", "nnls", "quantiseq"])
def test_a_platform_that_doubles_all_markers_moves_no_fractions(housekeeping, name):
    reference, bulk = housekeeping
    markers = np.isin(bulk.var_names, engine.train("nnls", reference, device="cpu").genes)
    raised = bulk.copy()
    raised.X = bulk.X * np.where(markers, 2, 1).astype(np.float32)
    model = engine.train(name, reference, device="cpu")
    before, after = (engine.predict(model, samples, device="cpu").values for samples in (bulk, raised))
    assert np.allclose(before.div(before.sum(1), axis=0), after.div(after.sum(1), axis=0), atol=0.01)


def test_absolute_scores_of_sparse_samples_are_scores(data):
    """CIBERSORT's absolute mode divides by the median of all genes, which is 0 where most genes have no count."""
    settings = ["absolute=true", "permutations=0"]
    model = engine.train("nusvr", data[0], settings=settings, device="cpu", quick=True)
    sparse = data[1].copy()
    limits = np.quantile(sparse.X, 0.7, axis=1, keepdims=True)
    sparse.X[limits > sparse.X] = 0
    scores = engine.predict(model, sparse, device="cpu").values
    assert np.median(sparse.X) == 0
    assert scores.to_numpy().max() < 100
    assert (scores.sum(1) > 0).all()


def test_markers_are_no_more_than_asked_for():
    rng = np.random.default_rng(0)
    for per_type in (5, 20, 100):
        signature = rng.lognormal(0, 2, (6, 3000))
        chosen = markers(1e6 * signature / signature.sum(1, keepdims=True), per_type)
        assert 5 * 6 <= len(chosen) <= per_type * 6
        highest = np.bincount(signature[:, chosen].argmax(0), minlength=6)
        assert highest.max() <= per_type


def test_epic_gives_the_cells_that_the_reference_does_not_know(data):
    """Of a type that the reference lacks."""
    kept = data[0][data[0].obs["cell_type"] != "NK"].copy()
    found = {}
    for recipe in ("default", "published"):
        model = engine.train("epic", kept, recipe=recipe, device="cpu", quick=True)
        estimate = engine.predict(model, data[1], device="cpu")
        assert np.allclose(estimate.values.sum(1), 1)
        found[recipe] = estimate.values
    assert "Other" not in found["default"]
    other, truth = found["published"]["Other"], data[1].obsm["cell_fractions"]["NK"]
    assert estimate.lower["Other"].isna().all()  # the reference has none by which an interval could be set
    assert np.corrcoef(other, truth)[0, 1] > 0.8
    for fractions in ("cell", "mrna"):
        settings = [f"fractions={fractions}"]
        model = engine.train("epic", kept, recipe="published", settings=settings, device="cpu", quick=True)
        estimate = engine.predict(model, data[1], device="cpu").values
        assert np.allclose(estimate.sum(1), 1)
        assert np.corrcoef(estimate["Other"], data[1].obsm[f"{fractions}_fractions"]["NK"])[0, 1] > 0.8
