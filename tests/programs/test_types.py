from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from misfold.programs.dtypes import DTYPES
from misfold.programs.errors import TextError
from misfold.programs.types import MAX_DIM, MAX_RANK, TensorType, contiguous_strides, parse_type

from .strategies import tensor_types


@given(tensor_types())
def test_text_gives_the_type_back(kind):
    assert parse_type(str(kind)) == kind


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("float32[]", "float32[]"),
        (" float32 [ 2 , 3 ] ", "float32[2, 3]"),
        ("int8[2,3]{3,1}", "int8[2, 3]"),
        ("bool[2, 3]{1, 2}", "bool[2, 3]{1, 2}"),
        ("bfloat16[0, 3]{3, 1}", "bfloat16[0, 3]"),
        ("uint64[4]{0}", "uint64[4]{0}"),
    ],
)
def test_normal_form(text, normal):
    assert str(parse_type(text)) == normal


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not a tensor type"),
        ("float32", "not a tensor type"),
        ("float33[2]", "not a tensor type"),
        ("complex64[2]", "not a tensor type"),
        ("float32[-1]", "not a tensor type"),
        ("float32[2.0]", "not a tensor type"),
        ("float32[2][3]", "not a tensor type"),
        ("float32[٣]", "not a tensor type"),
        ("float32[2]" + " " * 2000, "not a tensor type"),
        ("float32[2,]", "bad list of dimensions"),
        ("float32[2 3]", "bad list of dimensions"),
        ("float32[,]", "bad list of dimensions"),
        ("float32[99999999999999]", "bad list of dimensions"),
        ("float32[2]{1,}", "bad list of strides"),
        ("float32[2]{1, 2}", "2 strides for 1 dimensions"),
        (f"float32[{MAX_DIM + 1}]", "in the list of dimensions"),
        (f"float32[2]{{{MAX_DIM + 1}}}", "in the list of strides"),
        (f"float32[{', '.join('1' * (MAX_RANK + 1))}]", "17 dimensions"),
    ],
)
def test_what_is_not_a_type(text, what):
    with pytest.raises(TextError, match=what) as caught:
        parse_type(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("shape", "strides"), [((-1,), None), ((2,), (-1,)), ((2, 2), (1,)), ((1,) * 17, None)])
def test_types_made_by_programs_are_checked_too(shape, strides):
    with pytest.raises(TextError):
        TensorType.of("float32", shape, strides)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (2, 1, 4), (3, 0, 2), (0,)])
def test_contiguous_strides_are_those_of_numpy_where_there_are_elements(shape):
    ours = contiguous_strides(shape)
    if 0 not in shape:
        assert ours == tuple(stride // 4 for stride in np.zeros(shape, np.float32).strides)
    assert TensorType.of("float32", shape, ours).strides is None
    assert TensorType.of("float32", shape, ours) == TensorType.of("float32", shape)


@pytest.mark.parametrize(
    ("text", "elements", "storage", "nbytes"),
    [
        ("float32[]", 1, 1, 4),
        ("float64[2, 3]", 6, 6, 48),
        ("int16[2, 3]{1, 2}", 6, 6, 12),
        ("int16[2, 3]{4, 1}", 6, 7, 14),
        ("int8[4, 5]{0, 1}", 20, 5, 20),
        ("int8[4, 0]{9, 9}", 0, 0, 0),
        (f"int8[{MAX_DIM}, {MAX_DIM}]", MAX_DIM**2, MAX_DIM**2, MAX_DIM**2),
    ],
)
def test_sizes(text, elements, storage, nbytes):
    kind = parse_type(text)
    assert (kind.elements, kind.storage_elements, kind.nbytes) == (elements, storage, nbytes)


@pytest.mark.parametrize("name", sorted(set(DTYPES) - {"bfloat16"}))
def test_facts_of_element_types_are_those_of_numpy(name):
    ours, theirs = DTYPES[name], np.dtype(name)
    assert ours.itemsize == theirs.itemsize
    if ours.is_float:
        facts = np.finfo(theirs)
        assert (ours.low, ours.high) == (float(facts.min), float(facts.max))
        assert ours.significand == facts.nmant + 1
    elif ours.is_integer:
        assert (ours.low, ours.high) == (np.iinfo(theirs).min, np.iinfo(theirs).max)
        assert (ours.kind == "signed") == (ours.low < 0)
    else:
        assert name == "bool"


def test_facts_of_bfloat16():
    bfloat16 = DTYPES["bfloat16"]
    largest = np.array([0x7F7F0000], np.uint32).view(np.float32)[0]
    assert (bfloat16.low, bfloat16.high) == (-float(largest), float(largest))
    assert (bfloat16.itemsize, bfloat16.significand, bfloat16.unit_roundoff) == (2, 8, 2.0**-8)
