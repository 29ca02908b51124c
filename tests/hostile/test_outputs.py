"""Outputs: devices, links, full disks, signals and two processes at one place."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.hostile import forks

from unmix import engine, toy
from unmix.contract.model import Model
from unmix.errors import OutputError, UsageError
from unmix.io import outputs
from unmix.reference.prepare import read_reference

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "reference.h5ad"
    toy(genes=120, cells_per_type=4)[0].write_h5ad(path)
    return path


def ended(process):
    code, said = forks.end(*process)
    assert "Traceback" not in said, said
    assert "bug in unmix" not in said
    return code, said


def hidden(folder):
    return [path.name for path in folder.rglob(".*")]


def test_what_is_no_file_is_refused_and_stays(tmp_path, reference):
    fifo, folder, loop = tmp_path / "fifo", tmp_path / "folder", tmp_path / "loop"
    os.mkfifo(fifo)
    folder.mkdir()
    loop.symlink_to(loop)
    for path in ("/dev/null", "/dev/stdout", "/dev/fd/1", fifo, folder, loop, "/proc/1/x", tmp_path / "." / "folder"):
        with pytest.raises(UsageError):
            outputs.write_whole(Path(path), b"x")
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    code, said = ended(forks.start("simulate", reference, "--samples", 2, "--out", fifo))
    assert code == 2
    assert "is a device or a pipe" in said
    assert not hidden(tmp_path)


def test_a_symlink_is_written_through(tmp_path):
    (tmp_path / "real").mkdir()
    for name in ("old", "new"):
        target, link = tmp_path / "real" / name, tmp_path / name
        link.symlink_to(target)
        if name == "old":
            target.write_bytes(b"before")
        outputs.write_whole(link, b"after")
        assert link.is_symlink()
        assert target.read_bytes() == b"after"


def test_a_file_cannot_be_a_folder_and_two_outputs_not_one_file(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputError, match="it is a file"):
        outputs.check(tmp_path / "file" / "out.tsv")
    waiting = outputs.Outputs()
    waiting.add(tmp_path / "new" / "a.tsv")
    with pytest.raises(UsageError, match="two outputs"):
        waiting.add(tmp_path / "new" / ".." / "new" / "a.tsv")
    waiting.clean()
    assert not hidden(tmp_path)


def test_an_input_is_not_overwritten(reference):
    before = reference.read_bytes()
    code, said = ended(forks.start("simulate", reference, "--samples", 2, "--out", reference))
    assert (code, reference.read_bytes()) == (2, before)
    assert "is the reference and an output" in said


@pytest.mark.parametrize("kilobytes", [8, 20])
def test_a_full_disk_is_an_error_in_a_sentence(tmp_path, reference, kilobytes):
    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * kilobytes, 1024 * kilobytes))

    (tmp_path / "pseudobulk.h5ad").write_text("the result of yesterday")
    code, said = ended(
        forks.start("simulate", reference, "--samples", 40, "--out", tmp_path / "pseudobulk.h5ad", before=full)
    )
    assert code == 74, said
    assert "cannot be written (File too large)" in said
    assert [path.name for path in tmp_path.iterdir()] == ["pseudobulk.h5ad"]
    assert (tmp_path / "pseudobulk.h5ad").read_text() == "the result of yesterday"


def test_a_folder_that_cannot_be_written_is_an_error(reference):
    code, said = ended(forks.start("simulate", reference, "--samples", 2, "--out", "/sys/new/pseudobulk.h5ad"))
    assert code == 74
    assert "/sys" in said
    assert "expected:" in said


def test_a_network_goes_into_a_new_folder(tmp_path, reference):
    out = tmp_path / "new" / "deeper" / "model.safetensors"
    settings = ("--set", "train.steps=4", "--set", "train.validate_every=2")
    code, said = ended(forks.start("train", reference, "--method", "scaden", *settings, "--out", out))
    assert code == 0, said
    assert sorted(path.name for path in out.parent.iterdir()) == ["model.run.json", "model.safetensors"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing(tmp_path, number):
    code = (
        "from pathlib import Path; import sys, time; from unmix import cli\n"
        "with cli.run('test', Path(sys.argv[1]) / 'run.json', seed=0, device='cpu', threads=1, quiet=True) as job:\n"
        "    job.output(Path(sys.argv[1]) / 'a.tsv').write_text('half')\n"
        "    print('here', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path],
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
        # Jobs in the background of a shell ignore these signals, and so would their children
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    process.stdout.readline()
    assert hidden(tmp_path)
    process.send_signal(number)
    assert process.wait(timeout=30) == 128 + number
    assert not list(tmp_path.iterdir())


def test_a_folder_that_another_process_takes_for_abandoned_is_made_again(tmp_path, monkeypatch):
    """Between its making and its opening nobody holds it: a command that began in that moment ended with an error."""
    opened = os.open

    def taken_once(folder, *flags):
        monkeypatch.setattr(os, "open", opened)
        folder.rmdir()
        return opened(folder, *flags)

    monkeypatch.setattr(os, "open", taken_once)
    outputs.write_whole(tmp_path / "a.tsv", b"whole")
    assert (tmp_path / "a.tsv").read_bytes() == b"whole"
    assert not hidden(tmp_path)


def test_what_a_killed_process_left_is_removed_by_the_next_one_and_that_of_a_living_one_is_not(tmp_path):
    code = (
        "from pathlib import Path; import sys, time; from unmix.io.outputs import Outputs\n"
        "Outputs().add(Path(sys.argv[1]) / 'a.tsv').write_text('half')\n"
        "print('here', flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, tmp_path]
    killed, living = (subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) for _ in range(2))
    for process in (killed, living):
        process.stdout.readline()
    (tmp_path / ".unmix-settings").mkdir()  # of the user
    assert len(hidden(tmp_path)) == 3
    killed.kill()
    killed.wait()
    outputs.write_whole(tmp_path / "b.tsv", b"whole")
    assert len(hidden(tmp_path)) == 2
    living.kill()
    living.wait()
    outputs.write_whole(tmp_path / "b.tsv", b"whole")
    assert hidden(tmp_path) == [".unmix-settings"]


def test_two_trainings_to_one_place_do_not_harm_each_other(tmp_path, reference):
    out, settings = tmp_path / "model.safetensors", ("train.steps=6", "train.validate_every=1")
    options = [part for setting in settings for part in ("--set", setting)]
    pair = [
        forks.start("train", reference, "--method", "scaden", "--seed", seed, *options, "--out", out) for seed in (1, 2)
    ]
    assert [ended(process)[0] for process in pair] == [0, 0]
    found = Model.load(out)
    alone = engine.train("scaden", read_reference(reference), settings=settings, seed=found.facts["seed"], device="cpu")
    assert all(np.array_equal(found.arrays[name], alone.arrays[name]) for name in alone.arrays)
    assert not hidden(tmp_path)


@pytest.mark.parametrize("checkpoint", ["/dev/null", "fifo", "reference.h5ad", "model.safetensors"])
def test_a_checkpoint_is_no_device_no_input_and_not_the_model(tmp_path, reference, checkpoint):
    """The first would be renamed as damaged, and the last removed when the model stands."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "reference.h5ad").write_bytes(reference.read_bytes())
    given = ("--checkpoint", tmp_path / checkpoint, "--out", tmp_path / "model.safetensors")
    code, said = ended(forks.start("train", tmp_path / "reference.h5ad", "--method", "scaden", "--quick", *given))
    assert code == 2, said
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert {path.name for path in tmp_path.iterdir()} == {"fifo", "reference.h5ad"}


@pytest.mark.parametrize("place", ["bulk.tsv", "link.tsv", "/dev/full", "fifo"])
def test_a_reason_that_cannot_be_recorded_is_a_sentence(tmp_path, place):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link.tsv").symlink_to(tmp_path / "bulk.tsv")
    (tmp_path / "bulk.tsv").write_text("gene\ts\nA\t-1\n")
    code, said = ended(
        forks.start("check", tmp_path / "bulk.tsv", "--skipped", tmp_path / place, "--out-dir", tmp_path / "out")
    )
    assert code == 2, said
    assert (tmp_path / "bulk.tsv").read_text() == "gene\ts\nA\t-1\n"


def test_no_file_of_the_command_is_overwritten_whatever_fails_first(tmp_path, reference):
    given = tmp_path / "reference.h5ad"
    given.write_bytes(reference.read_bytes())
    code, said = ended(forks.start("train", given, "--method", "none", "--skipped", given, "--out", tmp_path / "m"))
    assert (code, given.read_bytes()) == (2, reference.read_bytes()), said
    folder = tmp_path / "10x"
    folder.mkdir()
    (folder / "matrix.mtx").write_text("not one")
    keys = ("--cell-type-key", "cell_type", "--out", tmp_path / "r.h5ad")
    code, said = ended(forks.start("reference", folder, *keys, "--skipped", folder / "matrix.mtx"))
    assert (code, (folder / "matrix.mtx").read_text()) == (2, "not one"), said
    assert "part of the inputs and an output" in said


def full(kilobytes=4):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * kilobytes, 1024 * kilobytes))


@pytest.fixture(scope="module")
def results(tmp_path_factory, reference):
    """Return a folder with a bulk, models and their fractions."""
    folder = tmp_path_factory.mktemp("results")
    bulk = folder / "bulk.tsv"
    toy(genes=120, cells_per_type=4, samples=30)[1].to_df().T.astype(int).to_csv(bulk, sep="\t", index_label="gene")
    for method in ("nnls", "epic"):
        model = folder / f"{method}.safetensors"
        assert forks.run("train", reference, "--method", method, "--quick", "--out", model)[0] == 0
        assert forks.run("predict", model, bulk, "--out-dir", folder / method)[0] == 0
    return folder


def newer(folder, reference, out):
    """Return the commands of the newer steps and options, which write into the folder `out`."""
    long = [folder / name / "fractions_long.tsv" for name in ("nnls", "epic")]
    cells, keys = folder / "cells.h5ad", ("--cell-type-key", "cell_type", "--donor-key", "donor")
    if not cells.exists():
        import anndata

        data = anndata.read_h5ad(reference)
        data.uns.pop("unmix")
        data.write_h5ad(cells)
    return {
        "consensus": ["consensus", *long, "--out-dir", out],
        "also": [
            *("predict", folder / "nnls.safetensors", folder / "bulk.tsv", "--also", folder / "nnls.safetensors"),
            *("--out-dir", out),
        ],
        "reference": [
            *("reference", cells, *keys, "--preset", "none", "--out", out / "reference.h5ad"),
            *("--report", out / "page.html"),
        ],
    }


@pytest.mark.parametrize("step", ["consensus", "also", "reference"])
def test_a_full_disk_leaves_nothing_of_the_newer_steps(results, reference, tmp_path, step):
    code, said = ended(forks.start(*newer(results, reference, tmp_path)[step], before=full))
    assert code == 74, said
    assert "cannot be written (File too large)" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("step", "name"), [("consensus", "fractions_long.tsv"), ("also", "references.tsv"), ("reference", "page.tsv")]
)
def test_the_newer_steps_refuse_a_pipe_and_follow_a_symlink(results, reference, tmp_path, step, name):
    os.mkfifo(tmp_path / name)
    code, said = ended(forks.start(*newer(results, reference, tmp_path)[step]))
    assert code == 2, said
    assert [path.name for path in tmp_path.iterdir()] == [name]
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to(tmp_path / "real")
    code, said = ended(forks.start(*newer(results, reference, tmp_path)[step]))
    assert code == 0, said
    assert (tmp_path / name).is_symlink()
    assert (tmp_path / "real").stat().st_size
    assert not hidden(tmp_path)


def test_two_consensuses_to_one_folder_do_not_harm_each_other(results, reference, tmp_path):
    command = newer(results, reference, tmp_path)["consensus"]
    assert [ended(process)[0] for process in [forks.start(*command) for _ in range(2)]] == [0, 0]
    forks.run(*newer(results, reference, tmp_path / "alone")["consensus"])
    for path in (tmp_path / "alone").glob("*.tsv"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert not hidden(tmp_path)
