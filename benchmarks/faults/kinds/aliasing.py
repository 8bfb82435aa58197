"""A view or a write to an input that the caller does not see as it should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from misfold.compiler.frontend.imported import Part, View

from ..catalogue import seeded
from ..witnesses import graph


@seeded(
    "view-without-offset",
    project="Inductor, ONNX Runtime",
    models="a view of an input given back from the beginning of its memory: the offset is lost",
    place="frontend.executable:Executable._result",
    trigger="a result that is a view of an input, or of another result, and does not begin where that does",
    witness=graph(
        'def program(x: "float32[8]"):\n    v0 = torch.add(x, 1.0)\n    v1 = v0[2:]\n    return v0, v1\n',
    ),
)
def _(original: Any, self: Any, output: Any, inputs: Any, outputs: Any) -> Any:
    if isinstance(output, View | Part):
        output = replace(output, offset=0)
    return original(self, output, inputs, outputs)


@seeded(
    "view-without-strides",
    project="Inductor, TVM",
    models="a view of a result read row by row, whatever its strides",
    place="frontend.executable:Executable._result",
    trigger="a result that is a transposed view of another result",
    witness=graph(
        'def program(x: "float32[4, 6]"):\n    v0 = torch.add(x, 1.0)\n    v1 = torch.transpose(v0, 0, 1)\n'
        "    return v0, v1\n"
    ),
)
def _(original: Any, self: Any, output: Any, inputs: Any, outputs: Any) -> Any:
    if isinstance(output, Part) and sorted(output.strides, reverse=True) != list(output.strides):
        output = replace(output, strides=tuple(sorted(output.strides, reverse=True)))
        last = sum((size - 1) * stride for size, stride in zip(output.shape, output.strides))
        if output.offset + last >= outputs[output.output].numel():
            # Never outside of the memory: rows of the shape itself.
            strides, step = [], 1
            for size in reversed(output.shape):
                strides.append(step)
                step *= size
            output = replace(output, strides=tuple(reversed(strides)))
    return original(self, output, inputs, outputs)
