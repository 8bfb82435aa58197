"""What can be asked of random programs."""

from __future__ import annotations

from dataclasses import dataclass

from misfold.compiler.dtypes import ALL, DType


@dataclass(frozen=True)
class Options:
    """How large programs are and what is in them. Fractions are from 0 to 1.

    Attributes:
        statements: how many statements a function has, about.
        depth: how deep loops nest at most.
        expression: how deep an expression nests at most.
        extent: the most elements of a dimension and iterations of most loops.
        work: how many statements one run executes at most, about.
        dtypes: element types of buffers.
        exact: whether every result is the same in whatever order sums and products are taken, and functions that are
            not rounded correctly reach only the buffers that ``approximate`` names.
        concurrent: fraction of loops that are parallel or vectorised.
        layouts: fraction of parameters that are not row-major.
        empty: fraction of loops without iterations.
    """

    statements: int = 20
    depth: int = 4
    expression: int = 4
    extent: int = 8
    work: int = 1500
    dtypes: tuple[DType, ...] = ALL
    exact: bool = True
    concurrent: float = 0.25
    layouts: float = 0.15
    empty: float = 0.03
