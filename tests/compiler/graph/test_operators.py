"""What operators infer, and what they say where they do not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from misfold.compiler.dtypes import BF16, BOOL, F16, F32, F64, I8, I32, I64, U8, DType
from misfold.compiler.graph import operators as listed
from misfold.compiler.graph.ir import TensorType
from misfold.compiler.graph.operators.base import IllTyped, infer, operators
from misfold.compiler.loops.operators import BINARY, UNARY


def _types(*types: tuple[DType, tuple[int, ...]]) -> list[TensorType]:
    return [TensorType(*one, strides=(1,) * len(one[1])) for one in types]


def test_the_list_of_operators_is_complete() -> None:
    text = listed.__doc__ or ""
    written = set(re.findall(r"[a-z_]+", text))
    for name, operator in operators().items():
        assert name in written or name in UNARY or name in BINARY, name
        assert operator.doc, f"{name} does not say what it means"
        assert operator.family in text


@pytest.mark.parametrize(
    ("name", "inputs", "attributes", "expected"),
    [
        ("add", [(F32, (2, 3)), (F32, (2, 3))], {}, [(F32, (2, 3))]),
        ("lt", [(F32, (2,)), (F32, (2,))], {}, [(BOOL, (2,))]),
        ("select", [(BOOL, (2,)), (I8, (2,)), (I8, (2,))], {}, [(I8, (2,))]),
        ("cast", [(F32, (2,))], {"dtype": BF16}, [(BF16, (2,))]),
        ("broadcast", [(F32, (1, 3))], {"shape": (5, 4, 3), "dims": (1, 2)}, [(F32, (5, 4, 3))]),
        ("slice", [(F32, (7,))], {"starts": (1,), "stops": (7,), "steps": (4,)}, [(F32, (2,))]),
        ("pad", [(F32, (3, 0))], {"low": (1, 1), "high": (2, 0), "interior": (2, 5), "value": 0.0}, [(F32, (10, 1))]),
        ("concatenate", [(F32, (2, 1)), (F32, (2, 4))], {"dim": 1}, [(F32, (2, 5))]),
        ("reduce", [(I32, (2, 3, 4))], {"op": "xor", "dims": (0, 2)}, [(I32, (3,))]),
        ("argreduce", [(F16, (2, 3))], {"op": "min", "dim": 0}, [(I64, (3,))]),
        ("argscan", [(F16, (2, 3))], {"op": "min", "dim": 0}, [(F16, (2, 3)), (I64, (2, 3))]),
        ("dot", [(F32, (2, 3, 0)), (F32, (2, 0, 5))], {}, [(F32, (2, 3, 5))]),
        ("convolution", [(F32, (1, 4, 9)), (F32, (6, 2, 3))], {"strides": (2,), "dilations": (2,), "groups": 2},
         [(F32, (1, 6, 3))]),
        ("window", [(I8, (4, 5, 6))], {"op": "add", "sizes": (2, 3), "strides": (1, 2), "dilations": (1, 1)},
         [(I8, (4, 4, 2))]),
        ("gather", [(F32, (3,)), (I64, (2, 2))], {}, [(F32, (2, 2))]),
        ("scatter", [(BOOL, (3,)), (BOOL, (2,)), (I64, (2,))], {"op": "replace"}, [(BOOL, (3,))]),
        ("sort", [(BOOL, (3,))], {"dim": 0, "descending": True}, [(BOOL, (3,)), (I64, (3,))]),
        ("var", [(F32, (3, 4))], {"dims": (1,), "correction": 0.5}, [(F32, (3,))]),
        ("group_norm", [(F32, (3, 4))], {"groups": 2, "eps": 1e-5}, [(F32, (3, 4))]),
    ],
)  # fmt: skip
def test_types(name: str, inputs: Any, attributes: dict[str, Any], expected: Any) -> None:
    assert infer(name, _types(*inputs), attributes) == tuple(TensorType(*one) for one in expected)


_WINDOW = {"op": "max", "sizes": (2,), "strides": (1,), "dilations": (1,)}


@pytest.mark.parametrize(
    ("name", "inputs", "attributes", "message"),
    [
        ("add", [(F32, (2,)), (F32, (3,))], {}, "one dtype and shape, unlike f32[2] and f32[3]"),
        ("add", [(BOOL, (2,)), (BOOL, (2,))], {}, "add does not take bool"),
        ("div", [(I32, (2,)), (I32, (2,))], {}, "div does not take i32, only float"),
        ("select", [(I8, (2,)), (I8, (2,)), (I8, (2,))], {}, "condition must be bool, not i8"),
        ("select", [(BOOL, ()), (I8, (2,)), (I8, (2,))], {}, "[] is not that of the arms, [2]"),
        ("full", [], {"value": 1, "shape": (2,), "dtype": F32}, "must be written as float, not 1"),
        ("full", [], {"value": 0.1, "shape": (2,), "dtype": F32}, "0.1 is not a value of f32"),
        ("full", [], {"value": 300, "shape": (2,), "dtype": U8}, "300 is not a value of u8"),
        ("full", [], {"value": True, "shape": (-2,), "dtype": BOOL}, "must not be negative"),
        ("literal", [], {"values": (1, 2), "shape": (3,), "dtype": I8}, "has 3 elements, not 2"),
        ("literal", [], {"values": (1,) * 65, "shape": (65,), "dtype": I8}, "more than 64"),
        ("iota", [], {"dim": 0, "shape": (), "dtype": I8}, "dim 0 is not one of the 0 dimensions"),
        ("broadcast", [(F32, (2,))], {"shape": (4,), "dims": (0,)}, "size 2 cannot become one of size 4"),
        ("broadcast", [(F32, (1, 1))], {"shape": (4, 4), "dims": (1, 0)}, "dims must increase"),
        ("reshape", [(F32, (2, 3))], {"shape": (7,)}, "[7] has 7 elements, [2, 3] has 6"),
        ("permute", [(F32, (2, 3))], {"dims": (0, 0)}, "no permutation of 2"),
        ("slice", [(F32, (3,))], {"starts": (2,), "stops": (4,), "steps": (1,)}, "2 to 4 is no range within"),
        ("slice", [(F32, (3,))], {"starts": (0,), "stops": (3,), "steps": (0,)}, "steps must be positive"),
        ("pad", [(F32, (3,))], {"low": (-1,), "high": (0,), "interior": (0,), "value": 0.0}, "low must be at least 0"),
        ("concatenate", [(F32, (2, 3)), (F32, (3, 3))], {"dim": 1}, "differ in more than dimension 1"),
        ("concatenate", [], {"dim": 1}, "one or more inputs"),
        ("reduce", [(BOOL, (2,))], {"op": "add", "dims": (0,)}, "reduce add does not take bool"),
        ("reduce", [(F32, (2,))], {"op": "mean", "dims": (0,)}, "must be one of add, mul"),
        ("argreduce", [(F32, (2, 0))], {"op": "max", "dim": 1}, "no elements to choose from"),
        ("dot", [(F32, (2, 3, 4)), (F32, (2, 3, 4))], {}, "[B, M, K] and [B, K, N], not [2, 3, 4] and [2, 3, 4]"),
        ("convolution", [(F32, (1, 3, 9)), (F32, (6, 2, 3))], {"strides": (1,), "dilations": (1,), "groups": 2},
         "2 groups do not divide"),
        ("window", [(F32, (1,))], _WINDOW, "spans 2 does not fit in a dimension of size 1"),
        ("argwindow", [(F32, (5,))], {**_WINDOW, "extents": (2,), "low": (2,)}, "window 0 of trailing dimension 0"),
        ("gather", [(F32, (3,)), (I32, (2,))], {}, "indices must be i64, not i32"),
        ("gather", [(F32, ())], {}, "nothing to index"),
        ("scatter", [(F32, (3,)), (F32, (2,)), (I64, (3,))], {"op": "add"}, "updates have shape [2], but indices [3]"),
        ("fused", [(F32, (3,))], {}, "its types are those of its body"),
        ("softmax", [(I32, (3,))], {"dim": 0}, "softmax does not take i32"),
        ("hardtanh", [(I8, (3,))], {"low": 0, "high": 200}, "high must be a number of i8, not 200"),
        ("group_norm", [(F64, (3, 4))], {"groups": 3, "eps": 1e-5}, "3 groups do not divide 4 channels"),
        ("neg", [(F32, ()), (F32, ())], {}, "neg takes 1 inputs, not 2"),
        ("softmax", [(F32, (3,))], {"dim": 0.0}, "dim must be of kind int, not 0.0"),
        ("frobnicate", [], {}, "no operator 'frobnicate'"),
    ],
)  # fmt: skip
def test_messages(name: str, inputs: Any, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(IllTyped, match=re.escape(message)):
        infer(name, _types(*inputs), attributes)


def test_windows_in_padding_are_found_without_looking_at_all() -> None:
    # Dilated windows step over a tensor of one element in padding of two on both sides.
    attributes = {"op": "max", "sizes": (2,), "strides": (1,), "dilations": (2,), "extents": (1,), "low": (2,)}
    with pytest.raises(IllTyped, match="window 1 of"):
        infer("argwindow", _types((F32, (5,))), attributes)
    huge = 10**15
    infer("argwindow", _types((F32, (huge,))), {**attributes, "extents": (huge,), "low": (0,)})
