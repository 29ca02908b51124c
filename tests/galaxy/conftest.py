"""planemo in a virtual environment of its own, and the wrappers as Galaxy reads them, macros expanded."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "galaxy_tools"
EXPAND = """
import sys
from galaxy.util import xml_macros, xml_to_string
print(xml_to_string(xml_macros.load(sys.argv[1]).getroot()))
"""


def find_uv():
    """Return uv as scripts/setup finds it: a working one on PATH, else the one that setup brought."""
    found = shutil.which("uv")
    if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
        return found
    return ROOT / ".cache" / "uv" / "bin" / "uv"


@pytest.fixture(scope="session")
def planemo():
    """Return the folder with planemo's programs, installed from requirements/galaxy.lock when that has changed."""
    lock, home = ROOT / "requirements" / "galaxy.lock", ROOT / ".cache" / "planemo"
    digest, stamp = hashlib.sha256(lock.read_bytes()).hexdigest(), home / "lock.sha256"
    if not stamp.exists() or stamp.read_text() != digest:
        uv = find_uv()
        subprocess.run([uv, "venv", "-q", "--clear", "--python", ROOT / ".venv/bin/python", home], check=True)
        install = [uv, "pip", "install", "-q", "--python", home / "bin/python", "--no-deps", "--require-hashes"]
        subprocess.run([*install, "-r", lock], check=True)
        stamp.write_text(digest)
    return home / "bin"


@pytest.fixture(scope="session")
def wrapper(planemo):
    """Return a function from a step to its wrapper's XML, macros expanded."""

    def load(step):
        path = TOOLS / f"unmix_{step}.xml"
        done = subprocess.run([planemo / "python", "-c", EXPAND, path], capture_output=True, text=True, check=True)
        return ET.fromstring(done.stdout)

    return load
