"""Every method, and what is made of several, gives the same bytes with one thread and with two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from unmix import methods


def test_the_number_of_threads_changes_no_byte():
    script, found = Path(__file__).with_name("threads.py"), {}
    for number in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, number), "OMP_WAIT_POLICY": "PASSIVE"}
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        found[number] = json.loads(done.stdout)
    assert {*methods.all_methods(), "the consensus", "several references"} <= found["1"].keys()
    assert [name for name in found["1"] if found["1"][name] != found["2"][name]] == []
