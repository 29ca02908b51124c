"""Samples in blocks: the bytes of a sample depend neither on the others nor on the number of threads."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from unmix.classical.solvers import for_each, nonnegative
from unmix.classical.weights import capped
from unmix.contract.blocks import SIZE, in_blocks, one_thread
from unmix.uncertainty.domain_shift import distance
from unmix.uncertainty.unexpressed import highest_genes


@pytest.mark.parametrize("number", [1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE + 7])
def test_a_sample_has_the_same_bytes_in_any_company_and_by_any_number_of_threads(number):
    rng = np.random.default_rng(0)
    samples, design = rng.gamma(0.3, 1, (2 * SIZE + 7, 2000)), rng.gamma(0.3, 1, (2000, 20))

    def product(rows: np.ndarray, threads: int) -> np.ndarray:
        with threadpool_limits(threads, user_api="blas"), one_thread():
            return in_blocks(lambda block: block @ design, rows)

    together = product(samples, 2)
    assert np.allclose(together, samples @ design)
    chosen = rng.permutation(len(samples))[:number]
    assert np.array_equal(product(samples[chosen], 1), together[chosen])


def test_a_library_that_comes_in_later_is_bound_too():
    code = (
        "from threadpoolctl import threadpool_info, threadpool_limits\n"
        "from unmix.contract.blocks import one_thread\n"
        "for _ in range(2):\n"
        "    threadpool_limits(2)\n"
        "    with one_thread():\n"
        "        print(*(row['num_threads'] for row in threadpool_info() if row['user_api'] == 'blas'))\n"
        "    import scipy.linalg\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"1"}  # numpy's, then scipy's too


def test_the_triangular_form_has_the_solutions_of_the_design():
    rng = np.random.default_rng(0)
    design, samples = rng.gamma(0.3, 1, (300, 7)), rng.gamma(0.3, 1, (70, 300))
    design[:, 6] = design[:, 5]  # equal types: the fit is determined, their weights are not
    found = for_each(nonnegative, design, lambda block: block, samples)
    plain = np.stack([nonnegative(design, sample) for sample in samples])
    assert np.allclose(found @ design.T, plain @ design.T, atol=1e-9)


def test_samples_are_capped_each_at_its_own_level():
    rng = np.random.default_rng(0)
    signature, samples = rng.gamma(0.3, 1, (4, 200)), rng.gamma(0.3, 1, (9, 200))
    samples[::2, 3] = [1e3, 1e4, 1e5, 1e6, 0]
    together = capped(signature, samples, 3)
    assert np.array_equal(together, np.stack([capped(signature, sample, 3) for sample in samples]))
    assert (together[::2, 3] < samples[::2, 3]).sum() == 4


def test_the_distance_of_a_sample_is_its_own():
    rng = np.random.default_rng(0)
    signature, samples = rng.gamma(0.3, 100, (4, 500)), rng.gamma(0.3, 100, (70, 500))
    together = distance(samples, signature)
    assert np.array_equal(distance(samples[69:], signature), together[69:])
    wider = np.insert(samples, [0, 200], 7.0, axis=1)
    kept = np.setdiff1d(np.arange(502), [0, 201])
    assert np.allclose(distance(wider, signature, kept), together, rtol=1e-12)


@pytest.mark.parametrize("number", [1, 5, 30, 40])
def test_of_equal_genes_the_first_are_the_highest(number):
    sample = np.random.default_rng(0).integers(0, 5, 30).astype(float)
    wanted = np.argsort(-sample, kind="stable")[:number]
    assert sorted(highest_genes(sample, number)) == sorted(wanted)
