"""scripts/lock --check: a broken lock, or a recipe that no longer fits, is told."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path):
    """Return a copy of what the check reads."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / "containers" / "conda").mkdir(parents=True)
    for name in ("pyproject.toml", "containers/environment.yml", "containers/conda/meta.yaml", "containers/Dockerfile"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def check(project):
    command = [sys.executable, str(ROOT / "scripts" / "check_locks.py"), "--root", str(project)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def version(name, lock="base"):
    lines = (ROOT / "requirements" / f"{lock}.lock").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}=="))
    return line.split()[0]


def test_the_locks_are_consistent(project):
    done = check(project)
    assert done.returncode == 0, done.stderr
    assert "installed packages ask for was looked up" in done.stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("base", version("numpy"), "numpy>=1", "base.lock: numpy is not pinned to one version (>=1)"),
        ("base", version("numpy"), "numpy==1.0", "base.lock: pyproject.toml asks for numpy>=1.26, and numpy is 1.0"),
        ("base", version("pandas"), "pandas==0.1", "and pandas is 0.1"),
        ("base", version("scipy"), version("numpy"), "base.lock: numpy stands there twice"),
        ("base", version("python-dateutil"), "other==1.0", "and python-dateutil is missing"),
        ("base", "--hash=sha256:", "--hash=sha256:x", "has no hash, or one that is not SHA-256"),
        ("runtime", version("pillow"), "pillow==0.1", "runtime.lock: pillow is another than in base.lock"),
        ("torch", version("torch", "torch"), "torch==2.0", "asks for torch>=2.4, and torch is 2.0"),
        ("docs", version("furo", "docs"), "other==1.0", "docs.lock: pyproject.toml asks for furo"),
        ("../pyproject.toml", '"click>=8.1"', '"click>=99"', "asks for click>=99, and click is"),
        ("../containers/environment.yml", "  - xlsxwriter>=3.2\n", "", "environment.yml: xlsxwriter is missing"),
        ("../containers/environment.yml", "scanpy=1.11", "scanpy=1.10", "environment.yml: scanpy=1.10, and the lock"),
        ("../containers/conda/meta.yaml", "- scipy >=1.11", "- nothing >=1", "meta.yaml: nothing is no dependency"),
        (
            "../containers/Dockerfile",
            "requirements/torch.lock",
            "requirements/gone.lock",
            "requirements/gone.lock, which",
        ),
    ],
)
def test_what_does_not_fit_is_told(project, file, old, new, sentence):
    path = project / "requirements" / (file if "/" in file else f"{file}.lock")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    done = check(project)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "scripts/lock resolves the locks anew" in done.stderr


def test_a_lock_that_nobody_checks_is_told(project):
    shutil.copyfile(project / "requirements" / "docs.lock", project / "requirements" / "new.lock")
    (project / "requirements" / "galaxy.lock").unlink()
    done = check(project)
    assert "new.lock: unknown to this check" in done.stderr
    assert "galaxy.lock: there is no such file" in done.stderr
