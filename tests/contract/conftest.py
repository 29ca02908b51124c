"""Tests of one method run in one process, because they share its training."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if name := getattr(item, "callspec", None) and item.callspec.params.get("name"):
            item.add_marker(pytest.mark.xdist_group(f"{item.path.name}-{name}"))
