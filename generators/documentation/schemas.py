"""Calls without documentation: arguments drawn by the types of aten's schemas, or of Python's signatures.

What constraints from documentation are measured against. The draws are as good as types alone allow: tensors of a call
mostly share their element type and often their shape, parameters with defaults are mostly left out.
"""

from __future__ import annotations

import inspect
import string
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from misfold.programs.arguments import Argument, Symbol
from misfold.programs.errors import GraphError
from misfold.programs.types import TensorType

from ..calling import function_of
from ..traces.call import Call
from ..traces.changes import EDGE_SIZES, SIZES
from ..traces.signatures import Parameter, signatures

_DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
# Share of calls whose tensors have one shape, of tensors with an element type of their own, of sizes at the edges, of
# optional parameters that are given: so that neither agreement nor disagreement is rare.
_ONE_SHAPE, _OWN_DTYPE, _EDGE, _GIVEN = 0.5, 0.15, 0.1, 0.25
# What a number may be: small mostly, at times far off.
_INTEGERS = (0, 1, 2, 3, 4, -1, -2, 5, 7, 16, 100, -100)
_FLOATS = (0.0, 0.5, 1.0, 2.0, -0.5, -1.0, 1e-5, 10.0, 1e6)
_ANNOTATIONS = {"int": "int", "float": "float", "bool": "bool", "str": "str", "Tensor": "Tensor", "Number": "number"}


class _Draw:
    """What the tensors of one call share."""

    def __init__(self, random: Random):
        self.random = random
        self.dtype = "float32" if random.random() < 0.5 else random.choice(_DTYPES)
        self.shape = self._shape() if random.random() < _ONE_SHAPE else None

    def _shape(self) -> tuple[int, ...]:
        random = self.random
        rank = random.choice((0, 1, 2, 2, 3, 3, 4))
        return tuple(random.choice(EDGE_SIZES if random.random() < _EDGE else SIZES[:5]) for _ in range(rank))

    def tensor(self) -> TensorType:
        dtype = self.random.choice(_DTYPES) if self.random.random() < _OWN_DTYPE else self.dtype
        return TensorType.of(dtype, self._shape() if self.shape is None else self.shape)

    def value(self, kind: str) -> Argument:
        """An argument of a schema's type; None for types that no call here can have (devices, generators)."""
        random = self.random
        if kind.startswith("Optional["):
            return None if random.random() < 0.5 else self.value(kind[len("Optional[") : -1])
        if kind.startswith("List["):
            return tuple(self.value(kind[len("List[") : -1]) for _ in range(random.choice((0, 1, 2, 2, 3, 4))))
        if kind in ("int", "SymInt"):
            return random.choice(_INTEGERS)
        if kind == "float":
            return random.choice(_FLOATS)
        if kind == "number":
            return random.choice((*_INTEGERS, *_FLOATS))
        if kind == "bool":
            return random.random() < 0.5
        if kind == "str":
            return "".join(random.choice(string.ascii_lowercase) for _ in range(random.randrange(7)))
        if kind == "ScalarType":
            return Symbol(f"torch.{random.choice(_DTYPES)}")
        return self.tensor() if kind == "Tensor" else None


def drawn_by_types(function: str, random: Random) -> Iterator[Call]:
    """Calls of a public operator with arguments of its signatures' types, without end; none if no signature is known.

    A parameter without a known type is a tensor if it is required, and else of its default's type.
    """
    known = [_typed(function, signature) for signature in signatures(function)]
    # Schemas of plain lists and numbers, which TorchScript has under the same names, are other functions.
    known = [signature for signature in known if any("Tensor" in item.kind for item in signature)] or known
    while known:
        chosen, draw = random.choice(known), _Draw(random)
        args: list[Argument] = []
        kwargs: dict[str, Argument] = {}
        for parameter in chosen:
            if not parameter.required:
                if random.random() < _GIVEN and not parameter.name.startswith("_"):
                    kwargs[parameter.name] = draw.value(parameter.kind)
            elif parameter.keyword_only:
                kwargs[parameter.name] = draw.value(parameter.kind)
            else:
                args.append(draw.value(parameter.kind))
        yield Call(function, tuple(args), tuple(sorted(kwargs.items())))


def _typed(function: str, signature: Sequence[Parameter]) -> list[Parameter]:
    """A signature with types where the annotations and defaults of Python's own tell them."""
    if all(parameter.kind for parameter in signature):
        return list(signature)
    try:
        annotations = inspect.get_annotations(inspect.unwrap(function_of(function)))
    except (GraphError, TypeError, ValueError):
        annotations = {}
    return [
        parameter
        if parameter.kind
        else Parameter(
            parameter.name, _kind(annotations.get(parameter.name), parameter), parameter.default, parameter.keyword_only
        )
        for parameter in signature
    ]


def _kind(annotation: Any, parameter: Parameter) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    for word, kind in _ANNOTATIONS.items():
        if text.rpartition(".")[2] == word:
            return kind
        if word in text.replace("torch.", "").replace("[", " ").replace("]", " ").replace("|", " ").split():
            return f"Optional[{kind}]" if "None" in text or "Optional" in text else kind
    if parameter.required or parameter.default is None:
        return "Tensor" if parameter.required else "Optional[Tensor]"
    return _ANNOTATIONS.get(type(parameter.default).__name__, "Tensor")
