"""An option that a message advises exists where the message is read."""

from __future__ import annotations

import ast
import re
import runpy

import pytest

#: Rooms whose messages are read in every interface, also in that of one step for the whole.
ROOMS = ("io", "reference", "contract", "uncertainty", "classical", "deep", "methods", "engine", "evaluation")
#: Options that a message names because the user has given them, or that an interface without them never comes to.
GIVEN = {"--batch-key", "--build", "--keep", "--genes", "--plot", "--report", "--species"}
OPTION = re.compile(r"--[a-z][a-z-]+")


def messages(source):
    """Yield the strings of a module that are no docstrings; what is put into them stands as {}."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body
        if isinstance(node.body[0], ast.Expr)
    }
    said |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)


@pytest.mark.parametrize("room", ROOMS)
def test_an_option_that_is_advised_is_one_of_the_one_shot_command_or_stands_behind_its_script(room, root):
    command = runpy.run_path(str(root / "bin" / "unmix_run.py"))["main"]
    known = GIVEN | {word for option in command.params for word in option.opts}
    advised = [
        (path.name, text)
        for path in sorted((root / "src" / "unmix" / room).rglob("*.py"))
        for text in messages(path.read_text())
        if set(OPTION.findall(text)) - known and not re.search(r"unmix_[a-z]+\.py|\{\} --|pip download", text)
    ]
    assert not advised
