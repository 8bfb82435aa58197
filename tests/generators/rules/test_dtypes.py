"""Rules for element types, against torch's own promotion."""

from __future__ import annotations

from itertools import product

import pytest

from misfold.generators.calling import NAMES, TORCH_DTYPES
from misfold.generators.inference.dtypes import learn_dtypes
from misfold.generators.rules.dtypes import DtypeRule, promote_types, promotion
from misfold.programs.dtypes import DTYPES
from misfold.programs.errors import TextError

torch = pytest.importorskip("torch")


def test_pairs_promote_as_in_torch():
    for left, right in product(DTYPES, repeat=2):
        try:
            expected = NAMES.get(torch.promote_types(TORCH_DTYPES[left], TORCH_DTYPES[right]))
        except RuntimeError:
            expected = None
        assert promote_types(left, right) == expected, (left, right)


def test_tensors_without_dimensions_and_numbers_count_less():
    for left, right in product(DTYPES, repeat=2):
        try:
            expected = NAMES[
                torch.result_type(torch.ones(2, dtype=TORCH_DTYPES[left]), torch.ones((), dtype=TORCH_DTYPES[right]))
            ]
        except RuntimeError:
            continue  # torch promotes no pairs of wide unsigned types
        assert promotion([left, right], [False, True], []) == expected, (left, right)
    for name in DTYPES:
        for number, kind in ((1, "int"), (1.0, "float"), (True, "bool")):
            expected = NAMES[torch.result_type(torch.ones(2, dtype=TORCH_DTYPES[name]), number)]
            assert promotion([name], [False], [kind]) == expected, (name, kind)


def learnt(function, tensors, names=tuple(DTYPES)):
    seen, refused = {}, set()
    for types in product(names, repeat=tensors):
        try:
            result = function(*(torch.ones(2, dtype=TORCH_DTYPES[name]) for name in types))
            seen[types] = (NAMES[result.dtype],)
        except (RuntimeError, NotImplementedError):
            refused.add(types)
    return learn_dtypes(seen, refused, (False,) * tensors, ()), seen, refused


@pytest.mark.parametrize(
    ("function", "tensors", "family"),
    [
        (lambda a: a.neg(), 1, "same:0"),
        (lambda a: a.sum(), 1, "sum(same:0)"),
        (lambda a: a.exp(), 1, "float(same:0)"),
        (lambda a, b: a == b, 2, "const:bool"),
        (lambda a, b: a + b, 2, "promote"),
        (lambda a, b: torch.dot(a, b), 2, "same:0"),
        (lambda a, b: torch.true_divide(a, b), 2, "float(promote)"),
    ],
)
def test_families(function, tensors, family):
    names = ("bool", "uint8", "int16", "int64", "float16", "bfloat16", "float32", "float64")
    rule, seen, refused = learnt(function, tensors, names)
    assert rule.families == (family,)
    assert all(rule.outputs(types) == result for types, result in seen.items())
    assert not any(rule.accepts(types) for types in refused)
    again = DtypeRule.from_data(rule.to_data(), tensors)
    assert again == rule


def test_alike_and_free_tensors_are_told_apart():
    seen = {(a, a, b): (a,) for a in ("float32", "float64") for b in ("int32", "int64")}
    refused = {("float32", "float64", "int32"), ("int32", "int32", "int32")}
    rule = learn_dtypes(seen, refused, (False,) * 3, ())
    assert rule.groups == (0, 0, 1)
    assert set(rule.combinations) == set(seen)


def test_what_follows_no_pattern_is_listed():
    seen = {("float32", "int64"): ("int64",), ("float64", "int32"): ("bool",)}
    rule = learn_dtypes(seen, {("float32", "int32"), ("float64", "int64"), ("float32", "float32")}, (False, False), ())
    assert rule.listed == frozenset(seen)
    assert rule.outputs(("float64", "int32")) == ("bool",)
    assert rule.outputs(("float32", "int32")) is None
    assert DtypeRule.from_data(rule.to_data(), 2) == rule


@pytest.mark.parametrize(
    "data", [{}, {"out": ["same:0"]}, {"out": ["same:0"], "groups": [3], "sets": ["f"]}, {"out": 3}]
)
def test_damaged_data(data):
    with pytest.raises(TextError):
        DtypeRule.from_data(data, 1)
