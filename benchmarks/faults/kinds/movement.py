"""Layouts and movements of elements composed wrongly."""

from __future__ import annotations

from typing import Any

from ..catalogue import seeded
from ..witnesses import graph, kernel


@seeded(
    "permutes-composed-backwards",
    project="ONNX Runtime, TVM",
    models="two transpositions in a row merged in the wrong order",
    place="rule:permute-of-permute",
    trigger="two permutes that do not commute",
    witness=graph(
        'def program(x: "float32[3, 3, 3]"):\n    v0 = torch.permute(x, [1, 2, 0])\n'
        "    v1 = torch.permute(v0, [1, 0, 2])\n    v2 = torch.add(v1, 1.0)\n    return (v2,)\n"
    ),
)
def _(original: Any, site: Any) -> Any:
    inner = site.source(site.x, "permute")
    if inner is None:
        return None
    first, second = dict(inner.attributes)["dims"], site.attributes["dims"]
    dims = tuple(int(second[dim]) for dim in first)
    shape = tuple(inner.inputs[0].type.shape[dim] for dim in dims)
    # A product of another shape would be seen at once.
    return site.apply("permute", inner.inputs[0], dims=dims) if shape == site.node.output.type.shape else None


@seeded(
    "slices-added-up",
    project="TVM, ONNX Runtime",
    models="two slices merged by adding their starts, without the first one's step",
    place="rule:slice-of-slice",
    trigger="a slice with a start of a slice with a step",
    witness=graph(
        'def program(x: "float32[20]"):\n    v0 = x[::3]\n    v1 = v0[2:5]\n    v2 = torch.add(v1, 1.0)\n'
        "    return (v2,)\n"
    ),
)
def _(original: Any, site: Any) -> Any:
    inner = site.source(site.x, "slice")
    if inner is None:
        return None
    first, second, shape = dict(inner.attributes), site.attributes, site.node.output.type.shape
    starts, stops, steps = [], [], []
    for dim, size in enumerate(shape):
        step = first["steps"][dim] * second["steps"][dim]
        start = first["starts"][dim] + second["starts"][dim] if size else 0
        starts.append(start)
        stops.append(start + (size - 1) * step + 1 if size else 0)
        steps.append(step)
    return site.apply("slice", inner.inputs[0], starts=tuple(starts), stops=tuple(stops), steps=tuple(steps))


@seeded(
    "pads-of-different-values",
    project="ONNX Runtime",
    models="two pads merged although they pad with different values",
    place="rule:pad-of-pad",
    trigger="a constant pad of a constant pad with another value",
    witness=graph(
        'def program(x: "float32[5]"):\n    v0 = torch.nn.functional.pad(x, [1, 1], "constant", 2.0)\n'
        '    v1 = torch.nn.functional.pad(v0, [1, 1], "constant", 3.0)\n    return (v1,)\n'
    ),
)
def _(original: Any, site: Any) -> Any:
    inner = site.source(site.x, "pad")
    if inner is None or any(site.attributes["interior"]):
        return None
    first, second = dict(inner.attributes), site.attributes
    low, high = (tuple(a + b for a, b in zip(first[name], second[name])) for name in ("low", "high"))
    return site.apply("pad", inner.inputs[0], low=low, high=high, interior=first["interior"], value=first["value"])


@seeded(
    "any-permutes-meet",
    project="Inductor, ONNX Runtime",
    models="transpositions pulled behind an elementwise operator although its operands are transposed differently",
    place="rule:elementwise-of-permutes",
    trigger="an elementwise operator on two tensors that were permuted in different ways, of the same shape",
    witness=graph(
        'def program(x: "float32[3, 3, 3]", y: "float32[3, 3, 3]"):\n    v0 = torch.permute(x, [1, 2, 0])\n'
        "    v1 = torch.permute(y, [0, 2, 1])\n    v2 = torch.sub(v0, v1)\n    return (v2,)\n"
    ),
)
def _(original: Any, site: Any) -> Any:
    permuted = [site.source(value, "permute") for value in site.node.inputs]
    if len(permuted) != 2 or None in permuted:
        return original(site)
    sources = [node.inputs[0] for node in permuted]
    if sources[0].type.shape != sources[1].type.shape:
        return original(site)
    made = site.apply(site.node.operator, *sources, **site.attributes)
    return site.apply("permute", made, dims=permuted[0].attributes[0][1])


@seeded(
    "reversed-twice-is-once",
    project="ONNX Runtime",
    models="two flips merged by taking all dimensions that either has, those of both too",
    place="rule:reverse-of-reverse",
    trigger="two flips that share a dimension",
    witness=graph(
        'def program(x: "float32[4, 3]"):\n    v0 = torch.flip(x, [0])\n    v1 = torch.flip(v0, [0, 1])\n'
        "    v2 = torch.add(v1, 1.0)\n    return (v2,)\n"
    ),
)
def _(original: Any, site: Any) -> Any:
    inner = site.source(site.x, "reverse")
    if inner is None:
        return None
    dims = tuple(sorted({*dict(inner.attributes)["dims"]} | {*site.attributes["dims"]}))
    return site.apply("reverse", inner.inputs[0], dims=dims)


@seeded(
    "slice-of-the-first-part",
    project="TVM, Inductor",
    models="a slice of a concatenation taken from the part where it starts, wherever it ends",
    place="rule:slice-of-concatenate",
    trigger="a slice of cat that crosses from one operand to the next",
    witness=graph(
        'def program(x: "float32[8]", y: "float32[8]"):\n    v0 = torch.cat([x, y])\n    v1 = v0[8:11]\n'
        "    v2 = torch.add(v1, 1.0)\n    return (v2,)\n"
    ),
)
def _(original: Any, site: Any) -> Any:
    inner = site.source(site.x, "concatenate")
    if inner is None or site.node.output.type.elements == 0:
        return None
    dim, attributes = dict(inner.attributes)["dim"], site.attributes
    start, step = attributes["starts"][dim], attributes["steps"][dim]
    length = (site.node.output.type.shape[dim] - 1) * step + 1
    before = 0
    for operand in inner.inputs:
        size = operand.type.shape[dim]
        # One too many: a slice may begin right behind an operand.
        if before <= start <= before + size and length <= size:
            first = min(start - before, size - length)
            starts, stops = list(attributes["starts"]), list(attributes["stops"])
            starts[dim], stops[dim] = first, first + length
            return site.apply("slice", operand, starts=tuple(starts), stops=tuple(stops), steps=attributes["steps"])
        before += size
    return None


@seeded(
    "backwards-lanes-forwards",
    project="LLVM, Inductor",
    models="a vector loaded from consecutive elements that are wanted in reverse order, and not turned round",
    place="codegen.memory:_load_contiguous",
    trigger="a vectorised loop that reads an array backwards",
    witness=kernel(
        "vectorisation",
        "function f(x: in i64[32], y: out i64[32]) {\n  vectorised i in 0..32 {\n    y[i] = x[31 - i]\n  }\n}\n",
    ),
)
def _(original: Any, e: Any, place: Any, element: Any, distance: Any, mask: Any) -> Any:
    from misfold.compiler.codegen.addresses import Affine

    if distance.stride == -1 and mask is None:
        distance = Affine(distance.base - (distance.lanes - 1), 1, distance.lanes)
    return original(e, place, element, distance, mask)


@seeded(
    "strided-taken-for-dense",
    project="TVM, ONNX Runtime",
    models="an input with another order in memory read as if it were row-major",
    place="frontend.executable:_as_laid_out",
    more={"frontend.layout:strides_of": lambda original, tensor: None},
    trigger="a derivative that reads a saved tensor which is not contiguous",
    witness=graph(
        'def program(x: "float32[4, 6]"):\n    v0 = torch.transpose(x, 0, 1)\n    v1 = torch.exp(v0)\n'
        "    return (v1,)\n",
        x={"draw": "integers", "low": -3, "high": 3, "seed": 1, "requires_grad": True},
    ),
)
def _(original: Any, tensor: Any, strides: Any) -> Any:
    return tensor.detach()
