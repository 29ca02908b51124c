"""The range of every number of every recipe holds, whatever the recipe."""

from __future__ import annotations

import functools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmix import methods
from unmix.errors import UsageError
from unmix.settings import asdict, fromdict
from unmix.settings.words import in_words, names, schema, schema_at

METHODS = methods.all_methods()


@functools.cache
def kinds():
    """Return the type of every method's recipes."""
    return {name: type(method.recipes["default"]) for name, method in METHODS.items()}


def numbers(rule, path=()):
    """Return the numbers of a JSON schema, those within lists and tables too: (path, rule) of each."""
    if rule.get("type") in ("integer", "number"):
        return [(path, rule)]
    inner = dict(rule.get("properties", {}))
    if "prefixItems" in rule:
        inner |= dict(enumerate(rule["prefixItems"]))
    elif "items" in rule:
        inner[0] = rule["items"]
    if isinstance(rule.get("additionalProperties"), dict):
        inner[rule.get("propertyNames", {"enum": ["NK"]})["enum"][0]] = rule["additionalProperties"]
    return [found for key, part in inner.items() for found in numbers(part, (*path, key))]


@functools.cache
def numeric():
    """Return every numeric setting of the registry: (method, path, rule)."""
    return [(name, path, rule) for name, kind in kinds().items() for path, rule in numbers(schema(kind))]


def with_value(name, path, value):
    """Return the data of a method's default recipe with another value at a path."""
    data = asdict(METHODS[name].recipes["default"])
    place = data
    for key in path[:-1]:
        place = place[key]
    if isinstance(place, list) and len(place) <= path[-1]:
        place.append(value)
    else:
        place[path[-1]] = value
    return data


def dotted(path):
    return ".".join(map(str, path)).replace(".0", "[0]").replace(".1", "[1]")


def beyond(rule):
    """Return the nearest values beyond the ends of a range, and such as are no number or not finite."""
    values = [math.nan, math.inf, -math.inf, None, True, "1", [1]]
    if rule["type"] == "integer":
        return [*values, 0.5, rule["minimum"] - 1, rule["maximum"] + 1]
    low = math.nextafter(rule["minimum"], -math.inf) if "minimum" in rule else rule["exclusiveMinimum"]
    high = math.nextafter(rule["maximum"], math.inf) if "maximum" in rule else rule["exclusiveMaximum"]
    return [*values, low, high]


def outside(rule):
    """Draw any numbers outside a range."""
    low, high = min(beyond(rule)[-2:]), max(beyond(rule)[-2:])
    if rule["type"] == "integer":
        return st.integers(max_value=low) | st.integers(min_value=high)
    return st.floats(max_value=low) | st.floats(min_value=high)


def refused(name, path, rule, value):
    """Assert that a value is refused with the name of the setting and its range."""
    with pytest.raises(UsageError) as error:
        fromdict(kinds()[name], with_value(name, path, value))
    assert dotted(path) in error.value.found
    assert in_words(rule, value) in error.value.expected


@pytest.mark.parametrize("name", METHODS)
def test_every_setting_has_a_description_and_every_number_a_range(name):
    kind = kinds()[name]
    assert all(schema_at(kind, setting.split(".")).get("description") for setting in names(kind))
    for path, rule in numbers(schema(kind)):
        assert {"minimum", "exclusiveMinimum"} & set(rule), path
        assert {"maximum", "exclusiveMaximum"} & set(rule), path


@pytest.mark.parametrize("name", METHODS)
def test_the_nearest_values_beyond_every_range_are_refused(name):
    for path, rule in numbers(schema(kinds()[name])):
        for value in beyond(rule):
            refused(name, path, rule, value)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_any_number_outside_its_range_is_refused(data):
    name, path, rule = data.draw(st.sampled_from(numeric()))
    refused(name, path, rule, data.draw(outside(rule)))


def test_the_ends_of_every_range_are_in_it():
    for name, path, rule in numeric():
        for end in ("minimum", "maximum"):
            if end not in rule:
                continue
            try:
                fromdict(kinds()[name], with_value(name, path, rule[end]))
            except UsageError as error:  # alone it is in range, beside others it may not be
                assert in_words(rule) not in error.expected, (name, path, rule[end])  # noqa: PT017
