from __future__ import annotations

import hashlib
import inspect
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from misfold.programs.dtypes import DTYPES
from misfold.programs.errors import TextError
from misfold.programs.recipes import KINDS, STANDALONE, check_recipe, draw, edge_values, place
from misfold.programs.types import TensorType, parse_type

from .strategies import recipes

SMALL = st.builds(
    TensorType.of, st.sampled_from(sorted(DTYPES)), st.lists(st.integers(0, 4), max_size=3).map(tuple), st.none()
)
ONE_OF_EACH = {
    "normal": {"draw": "normal", "seed": 1, "scale": 2.0, "shift": 1.0},
    "uniform": {"draw": "uniform", "seed": 1, "low": -2.0, "high": 3.0},
    "integers": {"draw": "integers", "seed": 1, "low": -3, "high": 4},
    "bernoulli": {"draw": "bernoulli", "seed": 1, "p": 0.25},
    "permutation": {"draw": "permutation", "seed": 1},
    "definite": {"draw": "definite", "seed": 1},
    "constant": {"draw": "constant", "value": 2.5},
    "values": {"draw": "values", "values": [1, 2.5, True]},
}


def test_every_kind_is_tried_here():
    assert set(ONE_OF_EACH) == set(KINDS)


@settings(max_examples=200)
@given(st.data(), SMALL)
def test_any_recipe_gives_an_array_of_its_type_twice_the_same(data, kind):
    recipe = data.draw(recipes(kind))
    check_recipe(recipe, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        array = draw(recipe, kind.shape, kind.dtype.name)
    assert array.shape == kind.shape
    assert array.dtype == ("float32" if kind.dtype.name == "bfloat16" else kind.dtype.name)
    assert array.tobytes() == draw(recipe, kind.shape, kind.dtype.name).tobytes()


@pytest.mark.parametrize("kind", ["normal", "uniform", "integers", "bernoulli", "permutation", "definite"])
def test_seeds_count(kind):
    recipe = ONE_OF_EACH[kind]
    assert (draw(recipe, (8, 8), "float64") != draw({**recipe, "seed": 2}, (8, 8), "float64")).any()


def test_distributions_are_what_they_say():
    size = (200, 50)
    normal = draw(ONE_OF_EACH["normal"], size, "float64")
    assert abs(normal.mean() - 1) < 0.1
    assert abs(normal.std() - 2) < 0.1
    uniform = draw(ONE_OF_EACH["uniform"], size, "float64")
    assert -2 <= uniform.min() < -1.99
    assert 2.99 < uniform.max() < 3
    assert set(np.unique(draw(ONE_OF_EACH["integers"], size, "int8"))) == set(range(-3, 5))
    assert abs(draw(ONE_OF_EACH["bernoulli"], size, "bool").mean() - 0.25) < 0.02
    rows = draw(ONE_OF_EACH["permutation"], size, "int64")
    assert (np.sort(rows, axis=1) == np.arange(50)).all()
    assert len(np.unique(rows, axis=0)) == 200
    matrices = draw(ONE_OF_EACH["definite"], (5, 6, 6), "float64")
    assert np.allclose(matrices, np.swapaxes(matrices, 1, 2))
    assert np.linalg.eigvalsh(matrices).min() > 0.9
    assert (draw(ONE_OF_EACH["constant"], (2, 2), "float32") == 2.5).all()
    assert draw(ONE_OF_EACH["values"], (2, 2), "float32").tolist() == [[1, 2.5], [1, 1]]


def test_drawn_values_never_change():
    # Findings are kept as recipes: if this digest changes, every stored case means other inputs than it did.
    digest = hashlib.blake2b(digest_size=8)
    for recipe in ONE_OF_EACH.values():
        for dtype in DTYPES:
            digest.update(draw({**recipe, "edges": 0.25}, (4, 4), dtype).tobytes())
    assert digest.hexdigest() == "66bcdbb2eeb5c95c"


@pytest.mark.parametrize(
    ("value", "dtype", "drawn"),
    [
        (-1, "uint8", 255),
        (300, "uint8", 44),
        (128, "int8", -128),
        (2**64 - 1, "uint64", 2**64 - 1),
        (2**63 - 1, "int64", 2**63 - 1),
        (2**53 + 1, "int64", 2**53 + 1),
        (-(2**63), "int64", -(2**63)),
        (2**64 - 1, "int64", -1),
        (1.9, "int32", 1),
        (-1.9, "int32", -1),
        (1e300, "int64", 2**63 - 1024),
        (float("inf"), "int8", 0),
        (float("-inf"), "int64", -(2**63)),
        (float("nan"), "int64", 0),
        (float("nan"), "bool", True),
        (0, "bool", False),
        (2, "bool", True),
        (70000, "float16", float("inf")),
        (5e-324, "float64", 5e-324),
        (True, "float32", 1.0),
    ],
)
def test_what_does_not_fit_an_element_type(value, dtype, drawn):
    for recipe in ({"draw": "constant", "value": value}, {"draw": "values", "values": [value, value]}):
        check_recipe(recipe, parse_type(f"{dtype}[2]"))
        array = draw(recipe, (2,), dtype)
        assert array.tolist() == [drawn, drawn]


def test_signed_zero_and_nan_survive():
    array = draw({"draw": "values", "values": [-0.0, float("nan"), float("-inf")]}, (3,), "float32")
    assert np.signbit(array[0])
    assert np.isnan(array[1])
    assert array[2] == -np.inf


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_edges(dtype):
    edges = edge_values(dtype)
    always = draw({"draw": "constant", "value": 1, "edges": 1.0}, (500,), dtype)
    assert set(always.tolist()) == set(edges.tolist())
    some = draw({"draw": "constant", "value": 77, "edges": 0.2}, (1000,), dtype)
    if dtype != "bool":
        assert 600 < (some == 77).sum() < 950
    facts = DTYPES[dtype]
    if facts.is_integer:
        assert {facts.low, facts.high} <= set(edges.tolist())
    if facts.is_float:
        assert (edges == 0).sum() == 2
        assert np.signbit(edges[edges == 0]).sum() == 1
        subnormal = edges[edges > 0].min()
        assert subnormal / 2 == 0 or dtype == "bfloat16"


def test_edges_of_bfloat16_are_bfloat16():
    bits = edge_values("bfloat16").view(np.uint32)
    assert (bits & 0xFFFF == 0).all()
    assert 1 in (bits >> 16)  # the smallest subnormal


@pytest.mark.parametrize(
    ("recipe", "kind", "what"),
    [
        (None, "float32[2]", "not an input recipe"),
        ([], "float32[2]", "not an input recipe"),
        ({}, "float32[2]", "not an input recipe"),
        ({"draw": "magic"}, "float32[2]", "not an input recipe"),
        ({"draw": []}, "float32[2]", "not an input recipe"),
        ({"draw": {}}, "float32[2]", "not an input recipe"),
        ({"draw": "normal"}, "float32[2]", "seed is missing"),
        ({"draw": "normal", "seed": None}, "float32[2]", "seed is missing"),
        ({"draw": "normal", "seed": True}, "float32[2]", "seed must be an integer"),
        ({"draw": "normal", "seed": 1.0}, "float32[2]", "seed must be an integer"),
        ({"draw": "normal", "seed": -1}, "float32[2]", "seed must be an integer"),
        ({"draw": "normal", "seed": 2**63}, "float32[2]", "seed must be an integer"),
        ({"draw": "normal", "seed": 1, "low": 0}, "float32[2]", "unknown parameter 'low'"),
        ({"draw": "normal", "seed": 1, "scale": "2"}, "float32[2]", "scale must be a number"),
        ({"draw": "normal", "seed": 1, "scale": True}, "float32[2]", "scale must be a number"),
        ({"draw": "normal", "seed": 1, "scale": float("nan")}, "float32[2]", "scale must be a number"),
        ({"draw": "normal", "seed": 1, "shift": float("inf")}, "float32[2]", "shift must be a number"),
        ({"draw": "uniform", "seed": 1, "low": 1e301}, "float32[2]", "low must be a number"),
        ({"draw": "uniform", "seed": 1, "low": 2.0}, "float32[2]", "low is above high"),
        ({"draw": "integers", "seed": 1, "low": 0}, "int8[2]", "high is missing"),
        ({"draw": "integers", "seed": 1, "low": 0.0, "high": 1}, "int8[2]", "low must be an integer"),
        ({"draw": "integers", "seed": 1, "low": 0, "high": 2**64}, "int8[2]", "high must be an integer"),
        ({"draw": "integers", "seed": 1, "low": -(2**63) - 1, "high": 1}, "int8[2]", "low must be an integer"),
        ({"draw": "integers", "seed": 1, "low": -1, "high": 2**63}, "int8[2]", "no one 64-bit type"),
        ({"draw": "integers", "seed": 1, "low": 2, "high": 1}, "int8[2]", "low 2 is above high 1"),
        ({"draw": "bernoulli", "seed": 1, "p": 1.5}, "bool[2]", "p must be a fraction"),
        ({"draw": "bernoulli", "seed": 1, "p": float("nan")}, "bool[2]", "p must be a fraction"),
        ({"draw": "definite", "seed": 1}, "float32[4]", "definite needs square matrices"),
        ({"draw": "definite", "seed": 1}, "float32[4, 3]", "definite needs square matrices"),
        ({"draw": "constant"}, "float32[2]", "value is missing"),
        ({"draw": "constant", "value": "1"}, "float32[2]", "not a value for an element"),
        ({"draw": "constant", "value": [1]}, "float32[2]", "not a value for an element"),
        ({"draw": "constant", "value": 2**64}, "float32[2]", "not a value for an element"),
        ({"draw": "values", "values": 1}, "float32[2]", "values must be a list"),
        ({"draw": "values", "values": [[1]]}, "float32[2]", "values must be a list"),
        ({"draw": "values", "values": [None]}, "float32[2]", "values must be a list"),
        ({"draw": "values", "values": [10**30]}, "float32[2]", "values must be a list"),
        ({"draw": "values", "values": []}, "float32[2]", "no values for 2 elements"),
        ({"draw": "constant", "value": 1, "edges": 2}, "float32[2]", "edges must be a fraction"),
        ({"draw": "constant", "value": 1, "edges": "a"}, "float32[2]", "edges must be a fraction"),
        ({"draw": "constant", "value": 1, "edges": True}, "float32[2]", "edges must be a fraction"),
        ({"draw": "constant", "value": 1, "requires_grad": 1}, "float32[2]", "requires_grad must be True or False"),
        ({"draw": "constant", "value": 1, "requires_grad": True}, "int8[2]", "only floating tensors"),
    ],
)
def test_what_is_not_a_recipe(recipe, kind, what):
    with pytest.raises(TextError, match=what):
        check_recipe(recipe, parse_type(kind))


def test_no_values_are_needed_for_no_elements():
    check_recipe({"draw": "values", "values": []}, parse_type("float32[0]"))
    assert draw({"draw": "values", "values": []}, (2, 0), "float32").shape == (2, 0)


def last_writes(array, strides):
    size = 1 + sum((dim - 1) * stride for dim, stride in zip(array.shape, strides))
    storage = np.zeros(size if array.size else 0, array.dtype)
    for index in np.ndindex(array.shape):
        storage[sum(place * stride for place, stride in zip(index, strides))] = array[index]
    return storage


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=4))
def test_placing_keeps_the_last_of_overlapping_elements(dims):
    shape, strides = tuple(dim for dim, _ in dims), tuple(stride for _, stride in dims)
    array = np.arange(1, 1 + int(np.prod(shape, dtype=int)), dtype=np.int64).reshape(shape)
    storage = place(array, strides)
    assert storage.tolist() == last_writes(array, strides).tolist()
    kind = TensorType.of("int64", shape, strides)
    assert storage.size == kind.storage_elements


@pytest.mark.parametrize("strides", [(1, 2), (4, 1), (3, 1), (1, 5)])
def test_placed_without_overlap_numpy_reads_the_same_array(strides):
    array = np.arange(6.0).reshape(2, 3)
    storage = place(array, strides)
    view = np.lib.stride_tricks.as_strided(storage, array.shape, [stride * 8 for stride in strides])
    assert (view == array).all()


def test_the_source_stands_by_itself():
    # as an exported script has it: numpy and nothing else
    scope = {"np": np}
    exec("\n".join(map(inspect.getsource, STANDALONE)), scope)
    for recipe in ONE_OF_EACH.values():
        recipe = {**recipe, "edges": 0.5}
        for dtype in DTYPES:
            assert scope["draw"](recipe, (4, 4), dtype).tobytes() == draw(recipe, (4, 4), dtype).tobytes()
    assert scope["place"](np.ones((2, 2)), (0, 1)).tolist() == [1, 1]
