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


def pytest_collection_modifyitems(items):
    """Keep tests of a file in one process (pytest -n --dist loadgroup), since they share what is set up for it."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(ROOT).as_posix()))


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
    """Name what was not checked, and why: tests skipped for want of development data first."""
    reasons: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        said = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
        reasons.setdefault(ABSENT if ABSENT in said else said, []).append(report.nodeid)
    for reason in sorted(reasons, key=lambda reason: reason != ABSENT):
        terminalreporter.section(f"{len(reasons[reason])} tests skipped: {reason.splitlines()[0] if reason else ''}")
        for name in sorted(reasons[reason]):
            terminalreporter.line(name)
