"""One real Galaxy for the session, and the wrappers as it reads them, macros expanded."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import unmix

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "galaxy_tools"
sys.path.insert(0, str(TOOLS))

import serve  # noqa: E402 - the script that starts Galaxy lies beside the tools

CANNOT = 69  # build.sh: this machine cannot run containers
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
def image():
    """Return the image of this checkout, named as in the wrappers; None where this machine cannot run containers."""
    tools = ROOT / "containers" / "ci"
    done = subprocess.run([tools / "build.sh"], capture_output=True, text=True, timeout=1500)
    if done.returncode:
        assert done.returncode == CANNOT, done.stderr
        assert not os.environ.get("CI"), done.stderr
        return None
    name = f"unmix:{unmix.__version__}"
    subprocess.run([tools / "docker", "tag", done.stdout.strip(), name], check=True)
    return name


@pytest.fixture(scope="session")
def galaxy(tmp_path_factory, image):
    """Return a running Galaxy with the tools of this checkout; where there is an image, unmix simulate runs in it."""
    with serve.Galaxy(tmp_path_factory.mktemp("galaxy"), contained=["unmix_simulate"] if image else []) as running:
        yield running
