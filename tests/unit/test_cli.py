"""What a user sees while a step runs: a bar on a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

CODE = """
import time
from unmix import cli
from unmix.cli.progress import Progress
Progress.EVERY = 0.05
with cli.run("try", seed=0, device="cpu", threads=None, quiet={quiet}) as job:
    for done in range(1, 11):
        job.progress(done, 10, "cells")
        time.sleep(0.03)
        if done == 5:
            job.say("A sentence.")
"""


@pytest.mark.parametrize("quiet", [False, True])
def test_without_a_terminal_there_are_plain_lines_or_none(quiet):
    command = [sys.executable, "-c", CODE.format(quiet=quiet)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    if quiet:
        assert said == ""
        return
    lines = said.splitlines()
    assert "A sentence." in lines
    counts = [line for line in lines if line != "A sentence."]
    assert 2 <= len(counts) < 10  # not every call
    assert all(" of 10 cells, " in line and line.endswith(" s left") for line in counts)
    assert "\x1b" not in said


def test_a_terminal_gets_a_bar_that_is_taken_away():
    outer, inner = pty.openpty()
    command = [sys.executable, "-c", CODE.format(quiet=False)]
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(command, stderr=inner, env=environment) as process:
        os.close(inner)
        said = b""
        while True:
            try:
                part = os.read(outer, 4096)
            except OSError:  # the process has closed its side
                break
            if not part:
                break
            said += part
    os.close(outer)
    assert process.returncode == 0
    text = said.decode()
    assert "/10" in text
    assert " s left" not in text
    assert "A sentence." in text
    assert "\x1b[?25h" in text  # the cursor is back
