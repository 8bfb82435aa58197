"""The names of the mutators, for those who choose among them without having TVM."""

from __future__ import annotations

from types import MappingProxyType

#: By name whether a mutator is general: whether it knows nothing of compilers.
TVM_MUTATORS = MappingProxyType(
    {
        "tvm-constant": True,
        "tvm-operator": True,
        "tvm-operands": True,
        "tvm-subexpression": True,
        "tvm-delete": True,
        "tvm-duplicate": True,
        "tvm-swap": True,
        "tvm-guard": False,
        "tvm-predicate": False,
        "tvm-loop-kind": False,
        "tvm-loop-bounds": False,
        "tvm-index-arithmetic": False,
        "tvm-cast": False,
        "tvm-select": False,
        "tvm-intrinsic": False,
        "tvm-pragma": False,
        "tvm-schedule": False,
    }
)
