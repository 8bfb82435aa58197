"""Standalone scripts of calls: they import torch alone and show what happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from misfold.programs.arguments import Argument, Symbol
from misfold.programs.types import TensorType

from ..traces.call import Call

_HEAD = '''import torch


def tensor(dtype, *shape):
    """Values in (0.1, 0.9) with a heavy diagonal where square, zeros for integers, True for booleans."""
    if dtype == torch.bool:
        return torch.ones(shape, dtype=dtype)
    if not dtype.is_floating_point:
        return torch.zeros(shape, dtype=dtype)
    values = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
    if len(shape) > 1 and shape[-1] == shape[-2]:
        values = values + torch.eye(shape[-1]) * shape[-1]
    return values.to(dtype)
'''


_WILD = '''

def wild(dtype, *shape):
    """Values from a normal distribution, integers from 1 to 97."""
    generator = torch.Generator().manual_seed(1)
    if dtype.is_floating_point:
        return torch.randn(shape, generator=generator).to(dtype)
    if dtype == torch.bool:
        return torch.arange(torch.Size(shape).numel()).reshape(shape) % 2 == 1
    return torch.randint(1, 98, shape, generator=generator).to(dtype)
'''


def expression(item: Argument) -> str:
    """An argument as Python."""
    if isinstance(item, TensorType):
        return f"tensor({', '.join([f'torch.{item.dtype.name}', *map(str, item.shape)])})"
    if isinstance(item, tuple):
        return f"({', '.join(map(expression, item))}{',' if len(item) == 1 else ''})"
    if isinstance(item, list):
        return f"[{', '.join(map(expression, item))}]"
    if isinstance(item, slice):
        return f"slice({expression(item.start)}, {expression(item.stop)}, {expression(item.step)})"
    if isinstance(item, Symbol):
        return str(item)
    if isinstance(item, float) and (item != item or item in (float("inf"), float("-inf"))):
        return f'float("{item}")'
    return "..." if item is ... else repr(item)


def statement(call: Call) -> str:
    """A call as a Python expression."""
    parts = [*map(expression, call.args), *(f"{key}={expression(value)}" for key, value in call.kwargs)]
    return f"{call.function.replace(':', '.')}({', '.join(parts)})"


def behaviour(title: str, quote: str, location: str, base: Call | None, call: Call, refused: bool) -> str:
    """A script that ends with status 1 if eager torch still behaves against the quoted documentation.

    ``refused``: the documentation allows the call and torch refuses it; else torch takes what documentation rules out.
    """
    good = (
        ""
        if base is None
        else f'print("without the change:", "accepted" if attempt(lambda: {statement(base)}) is None else "refused")\n'
    )
    return (
        f"{_comment(title, quote, location)}{_HEAD}\n\ndef attempt(function):\n    try:\n        function()\n"
        f"    except Exception as error:\n        return error\n    return None\n\n\n{good}"
        f"error = attempt(lambda: {statement(call)})\n"
        f'print("this call:", "accepted" if error is None else f"{{type(error).__name__}}: {{error}}")\n'
        f"contradicts = error is {'not None' if refused else 'None'}\n"
        'print("CONTRADICTS its documentation" if contradicts else "agrees with its documentation")\nraise '
        "SystemExit(contradicts)\n"
    )


def default(title: str, quote: str, location: str, api: str, name: str, documented: Any) -> str:
    """A script that ends with status 1 if a signature's default is not the documented one."""
    return (
        f"{_comment(title, quote, location)}import inspect\n\nimport torch\n\n"
        f"found = inspect.signature({api}).parameters[{name!r}].default\n"
        f'print("documented default:", {documented!r})\nprint("actual default:    ", found)\n'
        f"contradicts = found != {documented!r}\n"
        'print("CONTRADICTS its documentation" if contradicts else "agrees with its documentation")\nraise '
        "SystemExit(contradicts)\n"
    )


def signature(title: str, quote: str, location: str, api: str, name: str, kind: str) -> str:
    """A script that ends with status 1 if a signature lacks a documented parameter (``unknown``), or has it without a
    default (``required``)."""
    test = f"{name!r} not in found" if kind == "unknown" else f"found[{name!r}].default is inspect.Parameter.empty"
    return (
        f"{_comment(title, quote, location)}import importlib\nimport inspect\n\nimport torch\n\n"
        f"path, item = {api!r}.split('.'), torch\nfor place in range(1, len(path)):\n"
        '    if not hasattr(item, path[place]):\n        importlib.import_module(".".join(path[: place + 1]))\n'
        "    item = getattr(item, path[place])\n"
        "found = inspect.signature(item).parameters\n"
        'print("parameters:", ", ".join(found))\n'
        f"contradicts = {test}\n"
        'print("CONTRADICTS its documentation" if contradicts else "agrees with its documentation")\nraise '
        "SystemExit(contradicts)\n"
    )


def difference(call: Call, side: str, wild: bool = False) -> str:
    """A script that ends with status 1 if eager torch and another side do not agree on whether a call is allowed.

    ``side`` is a backend of ``torch.compile``, or a target, whose own source for reproducers is put in. With ``wild``
    the elements are those of the draw ``WIDE``.
    """
    from misfold.targets import registry
    from misfold.targets.protocol import Unsupported

    from .sides import TARGETS, graph_of

    names = [f"x{index}" for index in range(len(list(call.tensors())))]
    made = iter(names)
    placed = Call(
        call.function,
        tuple(_named(item, made) for item in call.args),
        tuple((key, _named(value, made)) for key, value in call.kwargs),
    )
    safe = ", ".join(map(expression, call.tensors()))
    inputs = safe.replace("tensor(", "wild(") if wild else safe
    body = f"    return {statement(placed)}\n"
    compiling = (
        f"\n\ndef compile_program(program, inputs):\n    function = torch.compile(program, backend={side!r})\n"
        "    return lambda tensors: function(*tensors)\n"
    )
    if side in TARGETS:
        try:
            graph = graph_of(call)
        except Unsupported:
            return f"# {call.text()} is no program for {side}\n"
        target = registry.get(side)
        compiling = target.script(graph, target.pipelines()[0]) or ""
        unpack = graph.nodes[0].unpack if graph.nodes else False
        body = f"    result = {statement(placed)}\n    return {'tuple(result)' if unpack else '(result,)'}\n"
    return (
        f"import io\nimport os\n{_HEAD}{_WILD if wild else ''}\n{compiling}\n\n"
        f"def program({', '.join(names)}):\n{body}\n\n"
        "def inputs():\n"
        f"    return [{inputs}]\n\n\ndef samples():\n    return [{safe}]\n\n\n"
        "def attempt(function):\n    try:\n        function()\n"
        '    except Exception as error:\n        return f"refused: {type(error).__name__}: '
        '{str(error)[:200]}"\n    return "accepted"\n\n\n'
        "eager = attempt(lambda: program(*inputs()))\n"
        'print("eager:   ", eager)\n'
        f"compiled = attempt(lambda: compile_program(program, samples())(inputs()))\n"
        'print("compiled:", compiled)\nraise SystemExit(eager[:8] != compiled[:8])\n'
    )


class _Name(str):
    """An argument that prints as a name."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _named(item: Argument, names: Iterator[str]) -> Argument:
    if isinstance(item, TensorType):
        return _Name(next(names))
    if isinstance(item, tuple):
        return tuple(_named(part, names) for part in item)
    if isinstance(item, list):
        return [_named(part, names) for part in item]
    return item


def _comment(title: str, quote: str, location: str) -> str:
    lines = [title, f"Documentation ({location}):", f'    "{quote}"']
    return "".join(f"# {line}\n" for text in lines for line in text.splitlines())
