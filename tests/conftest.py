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


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of development data beside the project, or skip where it is absent."""
    folder = Path(os.environ.get("UNMIX_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"development data not found at {folder} (set UNMIX_SHARED)")
    return folder
