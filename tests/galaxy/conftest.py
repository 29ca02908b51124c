"""One real Galaxy for the session, and the wrappers as it reads them, macros expanded."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "galaxy_tools"
sys.path.insert(0, str(TOOLS))

import serve  # noqa: E402 - the script that starts Galaxy lies beside the tools

EXPAND = """
import sys
from galaxy.util import xml_macros, xml_to_string
for path in sys.argv[1:]:
    print(xml_to_string(xml_macros.load(path).getroot()), end="\\0")
"""


@pytest.fixture(scope="session")
def programs():
    """Return the folder with the programs of Galaxy, planemo and TPV."""
    return serve.install()


@pytest.fixture(scope="session")
def wrapper(programs):
    """Return a function from a step to its wrapper's XML, macros expanded."""
    paths = sorted(TOOLS.glob("unmix_*.xml"))
    done = subprocess.run([programs / "python", "-c", EXPAND, *paths], capture_output=True, text=True, check=True)
    trees = {
        path.stem.removeprefix("unmix_"): ET.fromstring(text)
        for path, text in zip(paths, done.stdout.split("\0"), strict=False)
    }
    return trees.__getitem__


@pytest.fixture(scope="session")
def galaxy(tmp_path_factory):
    """Return a running Galaxy with the tools of this checkout."""
    with serve.Galaxy(tmp_path_factory.mktemp("galaxy")) as running:
        yield running
