"""Outcomes: what one target did with a case, and their form on the wire (msgpack of plain data, never pickle)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from misfold.programs.dtypes import DTYPES
from misfold.programs.types import TensorType

from .plain import Plain

#: The kinds of outcome; all but "values" and "rejected" are failures of the target if eager accepts the program.
KINDS = ("values", "rejected", "compile-error", "run-error", "crash", "hang", "stamped")
FAILURES = frozenset(KINDS) - {"values", "rejected"}


@dataclass(frozen=True)
class TensorValue(Plain):
    """A tensor as data: its elements in row-major order, little-endian, plus what a caller can observe of its layout.

    ``strides`` are the actual ones, in elements. ``alias`` names what the tensor shares storage with: ``"x0"`` for
    an input, ``"out0"`` for an earlier output, or None.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes
    strides: tuple[int, ...] = ()
    alias: str | None = None

    @classmethod
    def fields_from(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        return {"shape": tuple(raw["shape"]), "strides": tuple(raw["strides"])}

    @property
    def type(self) -> TensorType:
        return TensorType.of(self.dtype, self.shape)

    def array(self) -> np.ndarray:
        """The elements; bfloat16 widened exactly to float32."""
        if self.dtype == "bfloat16":
            bits = np.frombuffer(self.data, np.uint16).astype(np.uint32) << 16
            return bits.view(np.float32).reshape(self.shape)
        return np.frombuffer(self.data, DTYPES[self.dtype].name).reshape(self.shape)


@dataclass(frozen=True)
class Failure(Plain):
    """Why there are no values.

    ``type`` is the exception's class, the signal's name, or ``timeout``; ``frames`` are ``module:function`` from the
    outermost to the deepest; ``operator`` is the framework operator a target says it does not support.
    """

    type: str
    message: str
    frames: tuple[str, ...] = ()
    traceback: str = ""
    stderr: str = ""
    operator: str | None = None

    @property
    def normal_message(self) -> str:
        return normalise(self.message)


@dataclass(frozen=True)
class Outcome(Plain):
    """What one target did.

    ``values`` are the program's outputs, ``gradients`` those of the inputs that require one (None where there is
    none), ``mutated`` the inputs after the run, each None where it is unchanged. ``seconds`` holds ``compile``,
    ``run`` and ``total``, all inside the target. ``facts`` is further plain data of a target or reference.
    """

    kind: str
    values: tuple[TensorValue, ...] = ()
    gradients: tuple[TensorValue | None, ...] = ()
    mutated: tuple[TensorValue | None, ...] = ()
    failure: Failure | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def fields_from(cls, raw: Mapping[str, Any]) -> dict[str, Any]:
        if raw["kind"] not in KINDS:
            raise ValueError(f"not a kind of outcome: {raw['kind']!r:.50}")
        return {
            "values": TensorValue.each_from_data(raw["values"]),
            "gradients": TensorValue.any_from_data(raw["gradients"]),
            "mutated": TensorValue.any_from_data(raw["mutated"]),
            "failure": None if raw["failure"] is None else Failure.from_data(raw["failure"]),
        }


_NORMALISE = (
    # The operands that Inductor prints below what a lowering raised: they belong to the program.
    (re.compile(r"\n\s*args\[0\]: .*", re.DOTALL), ""),
    (re.compile(r"0x[0-9a-fA-F]+"), "0xN"),
    (re.compile(r"(?:/[\w.+\-@~]+)+/([\w.+\-]+)"), r"\1"),
    # names in quotes: values, attributes, operators of the same shape of message
    (re.compile(r"\"[^\"\n]{1,80}\"|'[^'\n]{1,80}'"), "S"),
    # One fault shows with many element types; the message's other words and the frames tell faults apart.
    (re.compile(r"\b(?:T\.|torch\.|DataType\.)?(?:bool|u?int(?:8|16|32|64)|b?float(?:16|32|64))\b"), "DTYPE"),
    (re.compile(r"\b(?:Float|Double|Half|BFloat16|Byte|Char|Short|Int|Long|Bool|UInt(?:16|32|64))\b"), "DTYPE"),
    # Inductor's and dynamo's generated names, temporary files, value names
    (re.compile(r"\b(?:c|tmp|torchinductor_)[a-z0-9]{20,}\b"), "TMP"),
    (re.compile(r"\b(?:g\d+_)?(?:x|v|arg|buf|tmp|primals|tangents|getitem|lv|gv|inputs)_?\d+(?:_\d+)?\b"), "V"),
    # Relax's first value has no number
    (re.compile(r"\b(?:lv|gv)\b"), "V"),
    (re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"), "N"),
    (re.compile(r"(?:N\s*[,x*]\s*)+N"), "N"),
    # ONNX's second node of a name and those after it
    (re.compile(r"(/[A-Za-z]\w*)_N\b"), r"\1"),
    # a tuple of one number, as of several; an operand that is a constant, as any other
    (re.compile(r"\(N,\s*\)"), "(N)"),
    (re.compile(r"\bR\.const\(\w+(?:, S)?\)"), "V"),
    # shapes as lists of typed numbers
    (re.compile(r"(?:DTYPE\(N\)\s*,\s*)+DTYPE\(N\)"), "DTYPE(N)"),
    (re.compile(r"\s+"), " "),
)


def normalise(message: str) -> str:
    """A message without addresses, paths, numbers and generated names, cut to 300 characters."""
    for pattern, replacement in _NORMALISE:
        message = pattern.sub(replacement, message)
    return message.strip()[:300]
