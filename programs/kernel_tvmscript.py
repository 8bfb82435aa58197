"""Kernels that only TVM can hold: TVMScript text, the seed of its inputs, and how TVM compiles it. One text file.

The file is TVMScript behind the same comments as in ``kernel``. Reading it runs nothing, and what is not on the list of
``kernel_tvmscript_check`` is refused, because TVM's own parser would run it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from misfold.compiler.dtypes import BOOL, BY_NAME, DType
from misfold.compiler.loops.ir import Buffer, Function, Parameter

from .case import hashed_pipelines, print_literal
from .errors import BoundError, TextError
from .hashing import text_hash
from .kernel import KernelCase, parse_kernel_case, read_head
from .kernel_tvmscript_check import checked_function, constant_size
from .pipeline import Pipeline

HEADER = "# misfold TVMScript kernel, version 1"
#: Of memory, in one buffer and in all parameters: as in ``kernel_bounds``.
MAX_ELEMENTS, MAX_TOTAL = 2**16, 2**18


@dataclass(frozen=True)
class TVMScriptCase:
    """All that is needed to run a TVMScript function again. Attributes as of ``KernelCase``; ``script`` is the text of
    one checked function, without a comment in it."""

    script: str
    seed: int
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def text(self) -> str:
        """The case file."""
        return print_tvmscript_case(self)

    @cached_property
    def hash(self) -> str:
        """Content hash: the order of pipelines and ``about`` do not count."""
        return text_hash("\n".join((self.script, str(self.seed), hashed_pipelines(self.pipelines))))

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The function's parameters: ``in`` where nothing stores to them, else ``inout``."""
        return parameters_of(checked_function(self.script))

    @cached_property
    def function(self) -> Function:
        """The parameters as those of a function without a body: for what asks of a kernel only what it takes."""
        return Function("main", self.parameters, ())

    def with_seed(self, seed: int) -> TVMScriptCase:
        """The same case on other inputs."""
        return replace(self, seed=seed)


def is_tvmscript_case(text: str) -> bool:
    """Whether a text says of itself that it is a TVMScript case file, of whatever version."""
    return text.startswith("# misfold TVMScript kernel")


def print_tvmscript_case(case: TVMScriptCase) -> str:
    """The case file's text; ``parse_tvmscript_case`` gives back an equal case.

    Raises:
        TextError: a pipeline or ``about`` holds what could not be read back.
    """
    lines = [HEADER, f"# seed: {case.seed}"]
    pipelines = {name: pipeline.to_data() for name, pipeline in case.pipelines.items()}
    for name, data in (("pipelines", pipelines), ("about", dict(case.about))):
        if data:
            print_literal(data)
            lines.append(f"# {name}: {json.dumps(data)}")
    return "\n".join([*lines, "", case.script])


def parse_tvmscript_case(text: str, source: str | None = None) -> TVMScriptCase:
    """Read and check a case file's text. Nothing in it is executed.

    Raises:
        TextError: with ``source`` (a file's name), the line, what is wrong and what is allowed.
        BoundError: a buffer is too large.
    """
    try:
        seed, pipelines, about, lines = read_head(text, HEADER, is_tvmscript_case)
        checked_function(text)
    except TextError as error:
        if source is None:
            raise
        raise TextError(error.what, line=error.line, allowed=error.allowed, source=source) from None
    script = "\n".join(lines).strip("\n") + "\n"
    case = TVMScriptCase(without_comments(script), seed, pipelines, about)
    _check_sizes(case.parameters)
    return case


def parse_any_kernel(text: str, source: str | None = None) -> KernelCase | TVMScriptCase:
    """Read a kernel case file of either kind.

    Raises:
        TextError, BoundError: as ``parse_kernel_case`` and ``parse_tvmscript_case``.
    """
    return (parse_tvmscript_case if is_tvmscript_case(text) else parse_kernel_case)(text, source)


def without_comments(script: str) -> str:
    """The text without lines that are comments alone, and without empty ones in front."""
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(lines).strip("\n") + "\n"


def parameters_of(function: ast.FunctionDef) -> tuple[Parameter, ...]:
    """The parameters of a checked function."""
    written = {
        node.value.id
        for node in ast.walk(function)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name)
    }
    found = []
    for argument in function.args.args:
        note = argument.annotation
        assert isinstance(note, ast.Call) and isinstance(note.args[0], ast.Tuple)
        shape = tuple(constant_size(one) for one in note.args[0].elts)
        kind = note.args[1].value if len(note.args) > 1 and isinstance(note.args[1], ast.Constant) else "float32"
        buffer = Buffer(argument.arg, element_type(str(kind)), shape)
        found.append(Parameter(buffer, "inout" if argument.arg in written else "in"))
    return tuple(found)


def element_type(name: str) -> DType:
    """The element type that TVM calls by this name.

    Raises:
        TextError: the loop IR has none.
    """
    short = name.replace("uint", "u").replace("int", "i").replace("float", "f")
    found = BOOL if name == "bool" else BY_NAME.get(short)
    if found is None:
        raise TextError(f"the element type {name}", allowed="bool, integers of 8 to 64 bits, float16, 32, 64")
    return found


def _check_sizes(parameters: tuple[Parameter, ...]) -> None:
    total = 0
    for one in parameters:
        total += one.buffer.elements
        if one.buffer.elements > MAX_ELEMENTS:
            raise BoundError(
                f"{one.buffer.name} takes {one.buffer.elements} elements; at most {MAX_ELEMENTS} are allowed"
            )
    if total > MAX_TOTAL:
        raise BoundError(f"the buffers have {total} elements together; at most {MAX_TOTAL} are allowed")
