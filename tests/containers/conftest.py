"""The image, built once for the session (in seconds when nothing that goes into it has changed)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CI = ROOT / "containers" / "ci"
CANNOT = 69  # build.sh: this machine cannot run containers


@pytest.fixture(scope="session")
def image():
    """Return the name of the image built from this checkout."""
    done = subprocess.run([CI / "build.sh"], capture_output=True, text=True, timeout=1500)
    sys.stdout.write(done.stderr)
    if done.returncode == CANNOT and not os.environ.get("CI"):
        pytest.skip(f"containers cannot be run here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="session")
def docker(image):
    """Return a function that runs docker (podman behind the shim) and returns the finished process."""

    def call(*arguments, check=True):
        done = subprocess.run([CI / "docker", *map(str, arguments)], capture_output=True, text=True, timeout=600)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return call


@pytest.fixture(scope="session")
def in_image(image, docker):
    """Return a function that runs a command as a strict server would: any user, read-only, no network, no HOME."""

    def call(*command, mounts=(), user="1000:1000", check=True):
        volumes = [word for mount in mounts for word in ("-v", mount)]
        box = ["--rm", "--read-only", "--network", "none", "--user", user, *volumes]
        return docker("run", *box, image, "env", "-u", "HOME", *command, check=check)

    return call
