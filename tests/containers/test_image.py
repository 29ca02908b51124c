"""What someone who runs the image notices: every step answers, as any user, and nothing needless is inside."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STEPS = sorted(path.name for path in (ROOT / "bin").glob("unmix_*.py"))
TEST_TOOLS = ("pytest", "hypothesis", "ruff", "planemo")
VERSIONS = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()), sep='\\n')"


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("step", STEPS)
def test_every_step_answers_as_any_user_on_a_read_only_root(in_image, step):
    assert "Usage:" in in_image(step, "--help").stdout


def test_libraries_import_for_a_user_nobody_knows(in_image):
    script = "import torch, scanpy, numba, matplotlib.pyplot; print(torch.ones(2).sum().item())"
    done = in_image("python", "-c", script, user="4321:4321")
    assert done.stdout.strip() == "2.0"
    assert "not a writable" not in done.stderr


def test_train_and_predict_give_the_same_fractions_to_two_users(in_image, tmp_path):
    data = ROOT / "galaxy_tools" / "test-data"
    for user in ("1000", "2000"):
        work = tmp_path / user
        work.mkdir()
        shutil.chown(work, int(user), int(user))
        model = f"{work}/model.safetensors"
        train = f"unmix_train.py /data/reference.h5ad --method scaden --quick --threads 1 --seed 7 --out {model}"
        predict = f"unmix_predict.py {model} /data/bulk.tsv --threads 1 --out-dir {work}/out"
        mounts = (f"{data}:/data:ro", f"{work}:{work}")
        in_image("bash", "-c", f"{train} && {predict}", mounts=mounts, user=f"{user}:{user}")
    first, second = (tmp_path / user / "out" / "fractions.tsv" for user in ("1000", "2000"))
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_text().splitlines()) == 1 + len((data / "truth.tsv").read_text().splitlines()[1:])


def test_a_wrong_input_ends_with_the_sentence_and_its_exit_code(in_image):
    done = in_image("unmix_predict.py", "/etc/hostname", "/etc/hostname", "--out-dir", "/tmp/out", check=False)
    assert done.returncode == 65, done.stderr
    assert "do:" in done.stderr
    assert "Traceback" not in done.stderr


def test_packages_are_those_of_the_locks_and_no_test_tools(in_image):
    found = dict(line.split("==") for line in in_image("python", "-c", VERSIONS).stdout.split())
    found = {canonical(name): version for name, version in found.items()}
    locks = "".join((ROOT / "requirements" / name).read_text() for name in ("runtime.lock", "torch.lock"))
    locked = {canonical(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", locks, re.MULTILINE)}
    found.pop("unmix")
    assert not set(found) & set(TEST_TOOLS)
    assert {name: version.split("+")[0] for name, version in found.items()} == {name: locked[name] for name in found}
    runtime = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "runtime.lock").read_text(), re.MULTILINE)
    assert {"torch", *map(canonical, runtime)} <= set(found)


def test_nothing_of_the_build_stays_in_the_image(image, docker):
    folders = ("/root/.cache", "/opt/uv", "/src", "/var/lib/apt/lists", "/var/cache/apt/archives")
    files = docker(
        "run", "--rm", "--user", "0", image, "find", *folders, "-type", "f", "-size", "+0", check=False
    ).stdout
    assert files == ""
    settings = docker("run", "--rm", image, "cat", "/etc/pip.conf", "/etc/uv/uv.toml", check=False).stdout
    assert settings == ""


def test_the_image_has_what_nextflow_and_galaxy_ask_for(image, docker, in_image, capsys):
    facts = json.loads(docker("image", "inspect", image).stdout)[0]
    assert not facts["Config"].get("Entrypoint")
    assert facts["Config"]["User"] == "65532:65532"
    labels = facts["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "unmix"
    assert in_image("unmix_methods.py", "--version").stdout.split()[-1] == labels["org.opencontainers.image.version"]
    for tool in ("ps", "bash", "sh", "awk", "grep", "sed", "date", "tee"):  # Nextflow's task wrapper calls them
        assert in_image("which", tool).stdout.strip()
    torch = in_image("python", "-c", "import torch; print(torch.__version__)").stdout.strip()
    with capsys.disabled():
        sys.stdout.write(f"\nimage {image}: {facts['Size'] / 1e9:.2f} GB, torch {torch}\n")


def test_no_registry_is_named_in_the_recipe():
    recipe = (ROOT / "containers" / "Dockerfile").read_text()
    assert not re.search(r"[\w-]+\.(io|com|org|net|dev)/", recipe)
    assert re.findall(r"^FROM (\S+)", recipe, re.MULTILINE) == ["$BASE"] * 2
    (base,) = re.findall(r"^ARG BASE=(.*)", recipe, re.MULTILINE)
    assert re.fullmatch(r"python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}", base)


def test_a_cache_that_another_user_has_planted_is_not_used(in_image):
    script = "import os, scanpy; print(*(os.environ[n] for n in ('NUMBA_CACHE_DIR', 'MPLCONFIGDIR', 'XDG_CACHE_HOME')))"
    first, second = (in_image("python", "-c", script).stdout.split() for _ in range(2))
    assert len(first) == 3
    assert not set(first) & set(second)


def test_the_conda_environment_has_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    conda = (ROOT / "containers" / "environment.yml").read_text()
    listed = set(re.findall(r"^  - ([\w-]+)", conda, re.MULTILINE))
    renamed = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
    wanted = {re.match(r"[\w-]+", line).group() for line in project["dependencies"]}
    assert {renamed.get(name, name) for name in wanted} <= listed
