"""How a function is compiled: plain data, part of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from misfold.compiler.errors import PipelineError


@dataclass(frozen=True)
class Options:
    """Raises PipelineError for values that are not allowed."""

    #: How much LLVM optimises: 0 not at all, 1 what is worth its time when compiling just in time, 2 and 3 LLVM's own
    #: pipelines of these names, without its vectorisers.
    level: Literal[0, 1, 2, 3] = 1
    #: Widest vector registers used, in bits; 0: the widest that the host has.
    vector_bits: Literal[0, 256, 512] = 0
    #: Products may be fused with the sums they go into, rounding once instead of twice.
    contract: bool = False
    #: Check each index and raise OutOfBounds, instead of leaving it undefined.
    bounds_checked: bool = False
    #: Threads that a parallel loop is spread over.
    threads: int = 1

    def __post_init__(self) -> None:
        for name, allowed in (
            ("level", (0, 1, 2, 3)),
            ("vector_bits", (0, 256, 512)),
            ("contract", (False, True)),
            ("bounds_checked", (False, True)),
            ("threads", range(1, 257)),
        ):
            value = getattr(self, name)
            kind = bool if allowed == (False, True) else int
            if type(value) is not kind or value not in allowed:
                words = "from 1 to 256" if name == "threads" else "one of " + ", ".join(map(str, allowed))
                raise PipelineError(f"code generation: {name} must be {words}, not {value!r}")
