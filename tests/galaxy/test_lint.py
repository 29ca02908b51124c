"""planemo accepts the wrappers, without warnings and without network."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "galaxy_tools"


@pytest.mark.parametrize("path", sorted(TOOLS.glob("unmix_*.xml")), ids=lambda path: path.stem)
def test_planemo_lint(planemo, path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [planemo / "planemo", "lint", "--fail_level", "warn", path]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
