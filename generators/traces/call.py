"""Traced calls, and what became of them: ``Call`` is what was called with what, ``Trial`` adds whether it is valid.

A call holds types where a program has tensors: its tensors are contiguous and their elements are drawn when it is
executed (see ``drawing``). An argument is a ``TensorType``, bool, int, float, str, None, ellipsis, ``Symbol``, or a
tuple, list or slice of such. In the normal form (see ``signatures``) sequences are tuples, except where torch tells
tuples from lists (indexing), parameters without a default come by position and all others by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from misfold.programs.arguments import Argument
from misfold.programs.errors import MisfoldError, TextError, UsageError, one_line
from misfold.programs.hashing import text_hash
from misfold.programs.types import TensorType, parse_type

from .arguments import argument_text, decode, encode, leaves

#: What an output that is not a tensor is called in ``Trial.outputs``.
SCALARS = ("int", "float", "bool", "str")

#: Nested tuples and lists of ``TensorType``, names of ``SCALARS``, and None.
Outputs = Any

# Where ``Trial.values`` may say how validity or types depend on elements.
NEEDED, DYNAMIC = "needed", "dynamic"


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call as data. Two calls are equal if their texts are; so ``1``, ``1.0`` and ``True`` are told apart.

    ``function`` is a public name (``torch.nn.functional.conv2d``), ``onnx.OPERATOR``, or ``package.module:function``
    for a user's own; ``kwargs`` are sorted by name.
    """

    function: str
    args: tuple[Argument, ...]
    kwargs: tuple[tuple[str, Argument], ...] = ()
    _text: str = field(default="", init=False, repr=False)

    def text(self) -> str:
        """As it reads: ``torch.sum(float32[2, 3], dim=(1,))``."""
        if not self._text:
            parts = [argument_text(item) for item in self.args]
            parts += [f"{key}={argument_text(item)}" for key, item in self.kwargs]
            object.__setattr__(self, "_text", f"{self.function}({', '.join(parts)})")
        return self._text

    __str__ = text

    def __eq__(self, other: object) -> bool:
        return self.text() == other.text() if isinstance(other, Call) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text())

    @property
    def hash(self) -> str:
        """16 hexadecimal digits of the content."""
        return text_hash(self.text())

    def tensors(self) -> Iterator[TensorType]:
        """Types of the tensors among the arguments, left to right."""
        for item in (*self.args, *(value for _, value in self.kwargs)):
            for leaf in leaves(item):
                if type(leaf) is TensorType:
                    yield leaf

    def to_data(self) -> dict[str, Any]:
        """As plain JSON data."""
        data: dict[str, Any] = {"function": self.function, "args": [encode(item) for item in self.args]}
        if self.kwargs:
            data["kwargs"] = {key: encode(item) for key, item in self.kwargs}
        return data

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Call:
        """From what ``to_data`` gives.

        Raises:
            TextError: it is not that.
        """
        try:
            function, args, kwargs = data["function"], data["args"], data.get("kwargs", {})
            if type(function) is not str or type(args) is not list or type(kwargs) is not dict:
                raise TextError("not a call", allowed="function, args and kwargs")
            named = tuple(sorted((key, decode(item)) for key, item in kwargs.items()))
        except (KeyError, TypeError, AttributeError) as error:
            raise TextError(f"not a call: {error!r}") from None
        return Call(function, tuple([decode(item) for item in args]), named)


@dataclass(frozen=True, slots=True)
class Trial:
    """A call that was executed.

    ``outputs`` are the types that came back (None if the call is invalid, or returns None); ``error`` is empty for a
    valid call, else the exception's type and the first line of its message with numbers replaced (``errors``), or
    ``crash: SIGFPE``, ``hang``, ``memory``. ``origin`` is ``opinfo``, ``opinfo-error``, ``module``, ``module-error``,
    ``docstring``, ``onnx``, ``script:NAME``, ``example`` or ``augmented:KIND``. ``values`` is empty if nothing was seen
    to depend on the tensors' elements, ``needed`` if some of the draws that were tried are invalid, ``dynamic`` if
    output types differ between draws.
    """

    call: Call
    outputs: Outputs = None
    error: str = ""
    origin: str = ""
    values: str = ""

    @property
    def valid(self) -> bool:
        return not self.error

    def output_types(self) -> Iterator[TensorType | str | None]:
        """The outputs' leaves, left to right."""
        yield from leaves(self.outputs)

    def to_data(self) -> dict[str, Any]:
        """As plain JSON data."""
        data = self.call.to_data()
        data["error" if self.error else "outputs"] = self.error or encode_outputs(self.outputs)
        data["origin"] = self.origin
        if self.values:
            data["values"] = self.values
        return data

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Trial:
        """From what ``to_data`` gives.

        Raises:
            UsageError: it is not that.
        """
        try:
            call = Call.from_data(data)
            error, origin, values = data.get("error", ""), data["origin"], data.get("values", "")
            if not (type(error) is type(origin) is str and values in ("", NEEDED, DYNAMIC)):
                raise TextError("not a trial", allowed="error and origin as text, values needed or dynamic")
            return Trial(call, None if error else decode_outputs(data["outputs"]), error, origin, values)
        except MisfoldError as error:
            raise UsageError(f"not a trial: {error}") from error
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"not a trial: {one_line(repr(error))}") from error


def encode_outputs(outputs: Outputs) -> Any:
    """Output types as JSON data: types and scalars as text, lists, and tuples as ``{"tuple": …}``."""
    if isinstance(outputs, tuple):
        return {"tuple": [encode_outputs(item) for item in outputs]}
    if isinstance(outputs, list):
        return [encode_outputs(item) for item in outputs]
    return None if outputs is None else str(outputs)


def decode_outputs(data: Any, depth: int = 0) -> Outputs:
    """Output types from JSON data, or from what a worker sends (where lists arrive as tuples).

    Raises:
        TextError: it is not what ``encode_outputs`` gives.
    """
    if data is None or (type(data) is str and data in SCALARS):
        return data
    if type(data) is str:
        return parse_type(data)
    if depth < 16:  # deeper than any operator's result
        if isinstance(data, list | tuple):
            return [decode_outputs(item, depth + 1) for item in data]
        if type(data) is dict and list(data) == ["tuple"] and isinstance(data["tuple"], list | tuple):
            return tuple([decode_outputs(item, depth + 1) for item in data["tuple"]])
    raise TextError(f"not an output: {data!r}")
