"""A cache is pickle: nothing is read from a folder that another user may have filled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def python(code, **env):
    plain = {name: value for name, value in os.environ.items() if name not in ("MPLCONFIGDIR", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**plain, **env}, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_process_in_the_image_has_caches_of_its_own_that_go_with_it(tmp_path):
    code = (
        "import os, sys; print(*(os.environ[name] for name in ('NUMBA_CACHE_DIR', 'MPLCONFIGDIR', 'XDG_CACHE_HOME')))"
    )
    code += "; print(oct(os.stat(os.path.dirname(os.environ['MPLCONFIGDIR'])).st_mode))"
    code += "; pid = os.fork(); pid or sys.exit(); os.waitpid(pid, 0); print(os.path.isdir(os.environ['MPLCONFIGDIR']))"
    env = {"PYTHONPATH": str(ROOT / "containers"), "TMPDIR": str(tmp_path)}
    *first, mode, there = python(code, **env)
    second = python(code, **env)
    assert not set(first) & set(second[:3])
    assert mode.endswith("700")
    assert there == "True"
    assert list(tmp_path.iterdir()) == []
