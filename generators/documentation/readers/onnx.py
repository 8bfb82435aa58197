"""ONNX operator schemas as documentation: inputs with their allowed element types, attributes with type and default."""

from __future__ import annotations

import difflib
import re
from typing import Any

from misfold.programs.errors import TargetError, UsageError

from ..facts import Parameter
from .modules import Documentation
from .signatures import Signature

_ELEMENT = re.compile(r"tensor\((\w+)\)")
_NAMES = {"float": "float32", "double": "float64"}
_ATTRIBUTES = {"FLOAT": "float", "INT": "int", "STRING": "string", "FLOATS": "list of floats", "INTS": "list of ints",
               "STRINGS": "list of strings", "TENSOR": "tensor", "TENSORS": "list of tensors"}  # fmt: skip


def documented(name: str = "") -> list[Documentation]:
    """Operators of the installed onnx in their latest version, or the one named.

    Raises:
        TargetError: onnx is not installed.
        UsageError: there is no such operator.
    """
    try:
        from onnx import defs
    except ImportError as error:
        raise TargetError(f"reading ONNX operators needs {error.name}; install it with: pip install onnx") from None
    latest: dict[str, Any] = {}
    for schema in defs.get_all_schemas_with_history():
        known = latest.get(schema.name)
        if (
            schema.domain == ""
            and not schema.deprecated
            and (known is None or schema.since_version > known.since_version)
        ):
            latest[schema.name] = schema
    if name and name not in latest:
        near = difflib.get_close_matches(name, latest, 3)
        raise UsageError(f"ONNX has no operator {name}" + (f"; did you mean {', '.join(near)}?" if near else ""))
    return [_entry(schema) for key, schema in sorted(latest.items()) if name in ("", key)]


def _entry(schema: Any) -> Documentation:
    api = f"onnx.{schema.name}"
    found, defaults = [], {}
    for item in schema.inputs:
        kinds = [_NAMES.get(kind, kind) for kind in _ELEMENT.findall(" ".join(sorted(item.types)))]
        optional = "Optional" in str(item.option)
        text = item.description or ""
        if kinds:
            text = f"{text.rstrip('. ')}. Must be one of the following types: {', '.join(f'`{k}`' for k in kinds)}."
        found.append(
            Parameter(
                api, item.name, f"Tensor{', optional' if optional else ''}", text.lstrip(". "), None, f"{api}: inputs"
            )
        )
    for name, attribute in sorted(schema.attributes.items()):
        kind = _ATTRIBUTES.get(str(attribute.type).rpartition(".")[2], "")
        default = _default(attribute)
        if default is not None:
            defaults[name] = default
        suffix = "" if attribute.required else ", optional"
        found.append(
            Parameter(api, name, f"{kind}{suffix}", attribute.description or "", default, f"{api}: attributes")
        )
    signature = Signature(tuple(p.name for p in found), defaults, frozenset(schema.attributes), True)
    return Documentation(api, schema.doc or "", signature, tuple(found))


def _default(attribute: Any) -> str | None:
    value = attribute.default_value
    kind = str(attribute.type).rpartition(".")[2]
    if not value.name:
        return None
    return {"INT": lambda: repr(value.i), "FLOAT": lambda: repr(round(value.f, 7)),
    "STRING": lambda: repr(value.s.decode()),
            "INTS": lambda: repr(tuple(value.ints)), "FLOATS": lambda: repr(tuple(value.floats))}.get(kind,
            lambda: None)()  # fmt: skip
