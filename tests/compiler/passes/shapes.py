"""Passes on small programs written as text."""

from __future__ import annotations

from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.printer import print_function
from misfold.compiler.loops.verify import verify
from misfold.compiler.passes.base import make


def function(parameters: str, body: str):
    """A verified function ``f`` out of its parameter list and its body."""
    result = parse_function(f"function f({parameters}) {{\n{body}\n}}\n")
    verify(result)
    return result


def becomes(name: str, parameters: str, before: str, after: str, **options) -> None:
    """The pass makes the first body the second."""
    result = make(name, options).run(function(parameters, before))
    verify(result)
    found, wanted = print_function(result), print_function(function(parameters, after))
    assert found == wanted, f"{found}\nis not\n{wanted}"


def stays(name: str, parameters: str, body: str, **options) -> None:
    """The pass gives back the very same object."""
    one = function(parameters, body)
    result = make(name, options).run(one)
    assert result is one, print_function(result)
