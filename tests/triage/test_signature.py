"""Signatures: equal for one fault in many dresses, different for different faults."""

from __future__ import annotations

import pytest

from misfold.programs.parser import parse_graph
from misfold.targets.outcome import Failure, normalise
from misfold.triage.signature import error_signature, nested, node_patterns, own_frames, plain_name


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("index 3 is out of bounds for size 2", "index 17 is out of bounds for size 5"),
        ("inputs of dtype T.int64 and T.int8", "inputs of dtype T.float32 and T.bool"),
        ("expected scalar type Float but found Half", "expected scalar type Double but found Long"),
        ("at 0x7f00aa10: bad", "at 0x55deadbeef: bad"),
        ("in /tmp/a/b/x.cpp:12", "in /home/u/x.cpp:99"),
        ("Tensor([int64(2), int64(3)], float32)", "Tensor([int64(7)], float16)"),
        ("Node (/Max) Op (Max) fails", "Node (/Max_12) Op (Max) fails"),
        (
            "TypeError: no implicit\n  target: aten.expand.default\n  args[0]: TensorBox(\n  Reduction(...)",
            "TypeError: no implicit\n  target: aten.expand.default\n  args[0]: TensorBox(StorageBox(\n  InputBuffer(x)",
        ),
        ("shape (3,) does not fit", "shape (2, 3) does not fit"),
        (
            'R.add(inputs_0, lv) of R.Tensor((2,), dtype="int8")',
            'R.add(lv7, R.const(0.5, "float32")) of R.Tensor((4, 2), dtype="bool")',
        ),
        ('name="relax.log" of shape [2, 3]', 'name="relax.exp" of shape [7]'),
    ],
)
def test_what_does_not_name_the_fault_is_normalised(left: str, right: str) -> None:
    assert normalise(left) == normalise(right)


def test_other_words_stay() -> None:
    assert normalise("axis is out of range") != normalise("index is out of range")


def test_frames_are_the_targets_own_and_the_deepest() -> None:
    frames = ["misfold.targets.tvm:compile", "tvm.a:f", "tvm.b:g", "?:tvm::relax::Infer(int)", "numpy.c:h"]
    assert own_frames(frames, ("tvm",)) == ("tvm.b:g", "?:tvm::relax::Infer(int)")
    assert own_frames(["a:b", "c:d", "e:f"], ("tvm",)) == ("c:d", "e:f")


def test_one_message_from_two_places_is_two_signatures() -> None:
    here, there = (Failure("E", "oops 1", frames=(f"tvm.{name}:f",)) for name in ("a", "b"))
    assert error_signature("tvm", "run-error", here, ("tvm",)) != error_signature("tvm", "run-error", there, ("tvm",))


@pytest.mark.parametrize(
    ("op", "name"),
    [
        ("torch.Tensor.add_", "add"), ("torch.add", "add"), ("torch.nn.functional.group_norm", "group_norm"),
        ("torch.group_norm", "group_norm"), ("torch.special.digamma", "digamma"), ("torch.linalg.norm", "linalg.norm"),
        ("torch.Tensor.__getitem__", "__getitem__"),
    ],
)  # fmt: skip
def test_an_operator_has_one_name_wherever_it_is_called_from(op: str, name: str) -> None:
    assert plain_name(op) == name


def test_patterns_tell_low_precision_from_other_floats() -> None:
    graph = parse_graph(
        'def program(x0: "float16[2]", x1: "float32[2]", x2: "int8[2]"):\n'
        "    v0 = torch.add(x0, x1)\n    v1 = torch.neg(x2)\n    return v0, v1\n"
    )
    assert node_patterns(graph) == ["add(low-float, float)", "neg(signed)"]


HEAD = "misfold | wrong | values | simplify"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("truncdiv(index)", "floormod(index), truncdiv(index)"),
        ("add(float, signed)", "add(float, signed), add(float, signed)"),
    ],
)
def test_further_patterns_with_the_same_blame_are_the_same_bug(one: str, other: str):
    small, large = f"{HEAD} | {one}", f"{HEAD} | {other}"
    assert nested(large, [small]) == small
    assert nested(small, [large]) == large
    assert nested(small, [large, small]) == small


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{HEAD} | store", f"{HEAD} | floormod(index)"),
        (f"{HEAD} | ", f"{HEAD} | floormod(index)"),
        (f"{HEAD} | add(float), neg(float)", f"{HEAD} | add(float), exp(float)"),
        (f"{HEAD} | add(float, signed)", f"{HEAD} | add(float), signed)"),
        ("t | wrong | values | ? | add(float)", "t | wrong | values | ? | add(float), exp(float)"),
        ("t | wrong | values | a | add(float)", "t | wrong | values | b | add(float), exp(float)"),
        ("t | crash | SIGSEGV | a | add(float)", "t | wrong | values | a | add(float)"),
    ],
)
def test_anything_else_stays_apart(one: str, other: str):
    assert nested(one, [other]) == one
    assert nested(other, [one]) == other
