"""What an import gives: the graph, and how its inputs and outputs belong to those of the program."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from misfold.compiler.graph.ir import Graph

from .types import Number


@dataclass(frozen=True)
class Input:
    """Where an input of the graph comes from: either a position in the flat list of what the caller passes (those
    that are not tensors count too), or a tensor that is bound when the program is compiled.

    ``name`` is the parameter's or buffer's in the module, or that of the placeholder.
    """

    name: str
    position: int | None = None
    bound: torch.Tensor | None = None


@dataclass(frozen=True)
class Computed:
    """A result of the program that is an output of the graph.

    ``strides`` are those that eager gives. The graph's output has them too, unless elements share memory (an expanded
    tensor): then it is row-major.
    """

    output: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Passed:
    """A result that is an input as it is: ``input`` counts the graph's inputs."""

    input: int


@dataclass(frozen=True)
class View:
    """A result that is a view of an input, and not of memory of its own: AOTAutograd leaves some of these to the
    backend. ``offset`` counts elements from the input's first."""

    input: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class Part:
    """A result that is a view of an output of the graph: several results may share one's memory, as in eager.
    ``offset`` counts elements from the output's first."""

    output: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class Constant:
    """A result that is no tensor."""

    value: Number | str | None


Output = Computed | Passed | View | Part | Constant


@dataclass(frozen=True)
class Mutation:
    """After the call, input ``input`` of the graph has the value ``value``."""

    input: int
    value: Computed | Passed


@dataclass(frozen=True)
class Factorised:
    """After the call, elements of output ``output`` other than zero are an error: what LAPACK's ``info`` says of the
    function ``name``, of one matrix or of a batch."""

    output: int
    name: str
    is_matrix: bool


@dataclass(frozen=True)
class Divided:
    """After the call, output ``output``, a truth value, says whether integers were divided by zero: an error."""

    output: int


Check = Factorised | Divided


@dataclass(frozen=True)
class Imported:
    """``inputs`` are parallel to ``graph.inputs``: first those that the caller passes, then the bound ones. ``outputs``
    are the program's results in order; ``graph.outputs`` are counted by ``output``."""

    graph: Graph
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    mutations: tuple[Mutation, ...]
    checks: tuple[Check, ...] = ()
