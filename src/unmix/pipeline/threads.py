"""Threads of the numerical libraries, whose settings are read when they are first imported."""

from __future__ import annotations

import os


def limit_threads(threads: int | None) -> None:
    """Bound the threads, and keep waiting ones from spinning."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads that spin double the CPU time
    if threads:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ[name] = str(threads)
