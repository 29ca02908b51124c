"""Every method has a card that a biologist can read, and every card a method."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from unmix import methods
from unmix.contract.card import Info, read

METHODS = methods.all_methods()
FOLDER = Path(methods.__file__).parent
CARD = {
    "title": "A method",
    "family": "deep",
    "summary": "It estimates. Use it.",
    "when": ["Use it."],
    "citation": "A paper.",
    "doi": "10.1000/x",
    "year": 2020,
    "licence": "MIT",
    "original": "None.",
    "chosen": ["Nothing."],
}


def test_cards_and_methods_are_the_same():
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_a_short_file_beside_its_card(name, root):
    assert len((FOLDER / f"{name}.py").read_text("utf-8").splitlines()) <= 150
    idea = inspect.cleandoc(sys.modules[METHODS[name].__module__].__doc__)
    assert 1 <= len(idea.splitlines()) <= 10
    info = METHODS[name].info
    assert info.title
    assert len(info.summary.split()) <= 45
    for figure in info.tuning:  # a figure is worth what its command is
        assert (root / figure.command.split()[0]).exists(), figure.command


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"summary": "no sentence"}, "summary"),
        ({"doi": "doi.org/10.1"}, "doi"),
        ({"family": "other"}, "family"),
        ({"chosen": []}, "chosen"),
        ({"tuning": [{"text": "RMSE .1.", "command": ""}]}, "command"),
        ({"author": "me"}, "author"),
    ],
)
def test_a_wrong_card_is_refused(change, word):
    Info.model_validate(CARD)
    with pytest.raises(ValidationError, match=word):
        Info.model_validate(CARD | change)


def test_a_card_that_is_not_there_is_told_by_its_file():
    with pytest.raises(FileNotFoundError, match=r"nothing\.toml"):
        read("unmix.methods", "nothing")
