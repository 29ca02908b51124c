"""Every public function has an example in its docstring, and the examples do what they show."""

from __future__ import annotations

import doctest
import inspect

import matplotlib.pyplot
import pytest

import unmix

FUNCTIONS = sorted(name for name in unmix._PUBLIC if inspect.isfunction(getattr(unmix, name)) or name == "Results")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_public_function_runs(name):
    matplotlib.use("agg")
    found = getattr(unmix, name)
    examples = doctest.DocTestParser().get_doctest(inspect.getdoc(found), {}, name, None, None)
    assert examples.examples, f"unmix.{name} has no example"
    said = []
    failed, _ = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples, out=said.append)
    assert not failed, "".join(said)
    matplotlib.pyplot.close("all")
