"""The search of settings."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import unmix
from unmix import engine, methods
from unmix.benchmark import spaces, tuning
from unmix.benchmark.trials import read_trials
from unmix.errors import DataError, UsageError

TWO = ["max_ratio=0:10", "genes.per_type=20:400:log"]


@pytest.fixture(scope="module")
def case():
    return tuning.task(unmix.toy(cell_types=("B", "NK", "T"))[0], None, 10, 0, lambda _: None)


def smooth(_case, _method, _recipe, settings, _seed):
    """Return an error that is least where max_ratio is 7."""
    given = dict(setting.split("=") for setting in settings)
    return abs(float(given.get("max_ratio", 3)) - 7) / 100


def searched(case, folder, trials, seed=0, name="journal"):
    ranges = spaces.space("nnls", "default", TWO)
    given = {"trials": trials, "seed": seed, "say": lambda _: None}
    return tuning.search(case, "nnls", "default", ranges, folder / name, **given)


def told(study):
    return [(trial.number, trial.value, trial.params) for trial in study.trials]


def test_every_declared_range_lies_within_its_setting():
    named = set()
    for method in ("nnls", "scaden"):
        named |= set(spaces.space(method))
    assert named == set(spaces.declared())


def test_a_search_finds_what_is_better_and_is_never_worse_than_the_recipe(case, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "error", smooth)
    study = searched(case, tmp_path, 24)
    assert study.trials[0].value == pytest.approx(0.04)
    assert study.best_value < 0.01
    assert tuning.tuned(study, "nnls", "default")["max_ratio"] == pytest.approx(7, abs=1)


def test_the_same_seed_searches_the_same_and_another_seed_does_not(case, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "error", smooth)
    one, same, other = (told(searched(case, tmp_path, 10, seed, f"j{k}")) for k, seed in enumerate((0, 0, 1)))
    assert one == same
    assert one[1:] != other[1:]


def test_trials_that_others_measure_are_the_same_search(case, tmp_path, monkeypatch):
    """Rounds as in workflows/tune.nf: each begins from the errors so far, in whatever order these came."""
    monkeypatch.setattr(tuning, "error", smooth)
    whole = told(searched(case, tmp_path, 11))
    ranges = spaces.space("nnls", "default", TWO)
    start, rounds, unknown = tuning.of_recipe("nnls", "default", ranges), [], None
    while unknown != []:
        study = tuning.kept(None, "fan-out")
        known = read_trials(tmp_path)
        unknown = tuning.advance(study, start, ranges, known, trials=11, seed=0)
        rounds.append(len(unknown))
        for number in reversed(unknown):
            given = tuning.settings(study, number)
            trial = {"settings": given, "error": smooth(None, None, None, given, 0)}
            (tmp_path / f"{number}.json").write_text(json.dumps(trial))
    assert rounds == [4, 4, 3, 0]
    assert told(study) == whole
    (tmp_path / "5.json").write_text(json.dumps({"settings": ["max_ratio=1.0"], "error": 0.1}))
    with pytest.raises(DataError, match="another search"):
        tuning.advance(tuning.kept(None, "wrong"), start, ranges, known, trials=11, seed=0)


@pytest.mark.parametrize("killed_at", [1, 6])
def test_an_interrupted_search_ends_as_one_without_interruption(case, tmp_path, monkeypatch, killed_at):
    monkeypatch.setattr(tuning, "error", smooth)
    whole = told(searched(case, tmp_path, 11, name="whole"))
    calls = []

    def dying(*given):
        calls.append(given)
        if len(calls) > killed_at:
            raise KeyboardInterrupt
        return smooth(*given)

    monkeypatch.setattr(tuning, "error", dying)
    with pytest.raises(KeyboardInterrupt):
        searched(case, tmp_path, 11)
    again = []
    monkeypatch.setattr(tuning, "error", lambda *given: again.append(given) or smooth(*given))
    assert told(searched(case, tmp_path, 11)) == whole
    assert len(again) == 11 - killed_at


def test_settings_that_cannot_be_trained_are_the_worst_and_end_nothing(case, tmp_path, monkeypatch):
    def failing(*given):
        if given[3]:
            raise DataError("no genes", "genes")
        return 0.1

    monkeypatch.setattr(tuning, "error", failing)
    study = searched(case, tmp_path, 4)
    assert [trial.value for trial in study.trials] == [0.1, 1, 1, 1]
    assert tuning.tuned(study, "nnls", "default") == unmix.settings.asdict(methods.get("nnls").recipes["default"])


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        (["genes.per_typ=1:2"], "unknown setting genes.per_typ"),
        (["genes.per_type=0:5"], "genes.per_type=0"),
        (["genes.per_type=5:5"], "--range genes.per_type=5:5"),
        (["gene_weights=none,moon"], "gene_weights"),
        (["max_ratio=0:5:log"], "--range max_ratio=0:5:log"),
    ],
)
def test_wrong_ranges_are_refused_in_words(ranges, said):
    with pytest.raises(UsageError) as refused:
        spaces.space("nnls", "default", ranges)
    assert said in str(refused.value)


def test_a_control_has_nothing_to_search():
    with pytest.raises(UsageError, match="no range is declared"):
        spaces.space("uniform")


def test_the_error_is_that_of_estimates_on_samples_of_others(case):
    assert 0 < tuning.error(case, "nnls", "default", [], 0) < 0.1 < tuning.error(case, "uniform", "default", [], 0)


def test_a_tuned_recipe_trains(tmp_path, root):
    unmix.toy(cell_types=("B", "NK", "T"))[0].write_h5ad(tmp_path / "reference.h5ad")

    def run(script, *arguments):
        command = [sys.executable, root / "bin" / f"unmix_{script}.py", "reference.h5ad", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    done = run("tune", "--method", "nnls", "--trials", 3, "--samples", 10)
    assert done.returncode == 0, done.stderr
    tuned = json.loads((tmp_path / "tuned.json").read_text())
    engine.resolve(methods.get("nnls"), tuned)
    assert (tmp_path / "tuned.trials.tsv").read_text().count("\n") == 4
    trained = run("train", "--method", "nnls", "--recipe", "tuned.json", "--out", "model.safetensors")
    assert trained.returncode == 0, trained.stderr
    assert json.loads((tmp_path / "model.run.json").read_text())["recipe"] == tuned
