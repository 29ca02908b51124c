"""Fixtures for every test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure: examples may take as long as they need
settings.register_profile("unmix", deadline=None)
settings.load_profile("unmix")

ROOT = Path(__file__).resolve().parent.parent
#: Why tests against development data are skipped.
ABSENT = "development data not found"


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of development data beside the project, or skip where it is absent."""
    folder = Path(os.environ.get("UNMIX_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"{ABSENT} at {folder} (set UNMIX_SHARED)")
    return folder


def pytest_terminal_summary(terminalreporter):
    """Name the tests that were skipped for want of development data, those of parity with the originals too."""
    skipped = terminalreporter.stats.get("skipped", [])
    names = [report.nodeid for report in skipped if ABSENT in str(report.longrepr)]
    if names:
        terminalreporter.section(f"{len(names)} tests skipped: {ABSENT}")
        for name in sorted(names):
            terminalreporter.line(name)
