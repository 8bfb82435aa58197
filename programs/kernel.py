"""Kernel cases: a function in the loop IR, the seed of its inputs, and how each target compiles it. One text file.

The file is the loop IR's own text behind a few comments that hold the rest, so that the compiler's tools read it too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import Any, Protocol

import numpy as np

from misfold.compiler.errors import ParseError, VerificationError
from misfold.compiler.loops.ir import Allocate, Buffer, For, Function, Let, Var
from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.printer import print_function
from misfold.compiler.loops.verify import verify
from misfold.compiler.loops.visit import Block, map_blocks, replace_buffers, statements, substitute_block

from .case import hashed_pipelines, print_literal
from .errors import TextError
from .hashing import text_hash
from .kernel_arrays import arrays_for
from .parser import MAX_TEXT
from .pipeline import Pipeline

HEADER = "# misfold kernel, version 1"
_SECTIONS = ("seed", "pipelines", "about")
_SECTION = re.compile(r"# ([a-z]+): (.*)")
_SEEDS = 2**63


class Inputs(Protocol):
    """What decides a case's inputs."""

    @property
    def function(self) -> Function:
        """A function with the case's parameters."""

    @property
    def seed(self) -> int:
        """The seed."""


@dataclass(frozen=True)
class KernelCase:
    """All that is needed to run a function again.

    ``pipelines`` maps a target's name to the pipeline that it is to use; a target that is not named uses its default.
    ``about`` is free data for people.
    """

    function: Function
    seed: int
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def text(self) -> str:
        """The case file."""
        return print_kernel_case(self)

    @cached_property
    def hash(self) -> str:
        """Content hash: names, the order of pipelines and ``about`` do not count."""
        parts = (print_function(normal(self.function)), str(self.seed), hashed_pipelines(self.pipelines))
        return text_hash("\n".join(parts))

    def with_seed(self, seed: int) -> KernelCase:
        """The same case on other inputs."""
        return replace(self, seed=seed)


def kernel_inputs(case: Inputs) -> list[np.ndarray]:
    """One array per parameter, with its shape, element type and strides; the same in every process."""
    return arrays_for(case.function, Random(f"misfold kernel inputs {case.seed}"))


def normal(function: Function) -> Function:
    """The same function with names that depend on the order of what they name alone."""
    buffers: dict[str, Buffer] = {}
    variables: dict[str, Var] = {}

    def add(buffer: Buffer) -> None:
        buffers[buffer.name] = replace(buffer, name=f"b{len(buffers)}")

    for parameter in function.parameters:
        add(parameter.buffer)
    for statement in statements(function.body):
        match statement:
            case Allocate(buffer):
                add(buffer)
            case Let(var, _) | For(var):
                variables[var.name] = Var(f"v{len(variables)}", var.dtype)

    def rename(block: Block) -> Block:
        return tuple(
            [
                map_blocks(
                    replace(one, var=variables[one.var.name]) if isinstance(one, Let | For) else one,
                    rename,
                )
                for one in block
            ]
        )

    parameters = tuple([replace(one, buffer=buffers[one.buffer.name]) for one in function.parameters])
    body = substitute_block(replace_buffers(rename(function.body), buffers), variables)
    return Function("kernel", parameters, body)


def print_kernel_case(case: KernelCase) -> str:
    """The case file's text; ``parse_kernel_case`` gives back an equal case.

    Raises:
        TextError: a pipeline or ``about`` holds what could not be read back.
    """
    lines = [HEADER, f"# seed: {case.seed}"]
    pipelines = {name: pipeline.to_data() for name, pipeline in case.pipelines.items()}
    for name, data in (("pipelines", pipelines), ("about", dict(case.about))):
        if data:
            # Says in its own words what a file cannot hold.
            print_literal(data)
            lines.append(f"# {name}: {json.dumps(data)}")
    return "\n".join([*lines, "", print_function(case.function)])


def parse_kernel_case(text: str, source: str | None = None) -> KernelCase:
    """Read a kernel case file's text; the function in it keeps all rules of the loop IR. Nothing in it is executed.

    Raises:
        TextError: with ``source`` (a file's name), the line, what is wrong and what is allowed.
    """
    try:
        return _parse(text)
    except TextError as error:
        if source is None:
            raise
        raise TextError(error.what, line=error.line, allowed=error.allowed, source=source) from None


def is_kernel_case(text: str) -> bool:
    """Whether a text says of itself that it is a kernel case file, of whatever version."""
    return text.startswith("# misfold kernel")


def _parse(text: str) -> KernelCase:
    # The head first: it says what kind of file this is. In the function the head is comments.
    seed, pipelines, about, _ = read_head(text, HEADER, is_kernel_case)
    return KernelCase(_function(text), seed, pipelines, about)


def read_head(
    text: str, header: str, is_one: Callable[[str], bool]
) -> tuple[int, dict[str, Pipeline], dict[str, Any], list[str]]:
    """The seed, the pipelines and ``about`` of a file with this header, and the lines behind its head.

    Raises:
        TextError: the line, what is wrong and what is allowed.
    """
    if len(text) > MAX_TEXT:
        raise TextError("the text is too large", allowed=f"at most {MAX_TEXT} characters")
    if not is_one(text):
        raise TextError("not a kernel case file", line=1, allowed=f"a first line {header!r}")
    lines = text.split("\n")
    if lines[0].rstrip() != header:
        raise TextError(f"unknown version of the format: {lines[0].rstrip()[:60]!r}", line=1, allowed=header)
    sections: dict[str, tuple[int, Any]] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line.startswith("#"):
            break
        name, data = _section(line, number)
        if name in sections:
            raise TextError(f"a second line with {name}", line=number)
        sections[name] = (number, data)
    if "seed" not in sections:
        raise TextError("the file has no seed", line=2, allowed="# seed: 7")
    number, seed = sections["seed"]
    if type(seed) is not int or not 0 <= seed < _SEEDS:
        raise TextError("the seed is not an integer from 0 on, of 63 bits", line=number)
    number, data = sections.get("pipelines", (0, {}))
    pipelines = {}
    for name, entry in data.items():
        try:
            pipelines[name] = Pipeline.from_data(entry)
        except TextError as error:
            raise TextError(f"{name}: {error.what}", line=number, allowed=error.allowed) from None
    return seed, pipelines, sections.get("about", (0, {}))[1], lines[1 + len(sections) :]


def _section(line: str, number: int) -> tuple[str, Any]:
    match = _SECTION.fullmatch(line.rstrip())
    if match is None or match[1] not in _SECTIONS:
        raise TextError(
            "not a line of a kernel case's head", line=number, allowed="# seed: …, # pipelines: …, # about: …"
        )
    try:
        data = json.loads(match[2], object_pairs_hook=_once)
        print_literal(data)
    except TextError as error:
        raise TextError(f"{match[1]}: {error.what}", line=number, allowed=error.allowed) from None
    except RecursionError:
        raise TextError(f"{match[1]}: data nested too deeply", line=number) from None
    except ValueError as error:
        raise TextError(f"{match[1]}: not JSON: {error}", line=number) from None
    if match[1] != "seed" and not isinstance(data, dict):
        raise TextError(f"{match[1]}: not an object", line=number, allowed='{"name": …}')
    return match[1], data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise TextError("a key a second time")
    return found


def _function(text: str) -> Function:
    try:
        # The head is comments to it, so lines are counted right.
        function = parse_function(text)
    except ParseError as error:
        raise TextError(error.message, line=error.line) from None
    try:
        verify(function)
    except VerificationError as error:
        raise TextError(str(error)) from None
    return function
