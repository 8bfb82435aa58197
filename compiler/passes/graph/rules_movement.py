"""Rewrite rules for operators that move elements, and for reductions of nothing."""

from __future__ import annotations

from misfold.compiler.graph.ir import Value
from misfold.compiler.graph.operators.base import operators
from misfold.compiler.graph.rewrite import row_major

from .rules import Rules, Site

MOVEMENT = Rules()
_rule = MOVEMENT.add
_ELEMENTWISE = tuple(one for one in operators() if operators()[one].family == "elementwise")
#: How many values are looked at in search of a product.
_FAR = 12


@_rule("moves-nothing", "reshape broadcast slice pad reverse permute",
       "The elements stay where they are.")  # fmt: skip
def _(site: Site) -> Value | None:
    x, attributes = site.x, site.attributes
    if site.node.output.type.shape != x.type.shape:
        return None
    match site.node.operator:
        case "reverse":
            stays = all(x.type.shape[dim] <= 1 for dim in attributes["dims"])
        case "permute":
            stays = attributes["dims"] == tuple(range(x.type.rank))
        case _:
            # Of one shape, without more room there is no other place to go.
            stays = True
    return x if stays else None


@_rule("reshape-of-reshape", "reshape", "Both keep the row-major order.")
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "reshape")
    return site.apply("reshape", inner.inputs[0], shape=site.attributes["shape"]) if inner else None


@_rule("permute-of-permute", "permute", "Permutations compose.")
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "permute")
    if inner is None:
        return None
    first = dict(inner.attributes)["dims"]
    assert isinstance(first, tuple)
    return site.apply("permute", inner.inputs[0], dims=tuple(int(first[dim]) for dim in site.attributes["dims"]))


@_rule("broadcast-of-broadcast", "broadcast", "Maps of dimensions compose.")
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "broadcast")
    if inner is None:
        return None
    first = dict(inner.attributes)["dims"]
    assert isinstance(first, tuple)
    dims = tuple(site.attributes["dims"][int(dim)] for dim in first)
    return site.apply("broadcast", inner.inputs[0], shape=site.attributes["shape"], dims=dims)


@_rule("broadcast-of-unsqueezed", "broadcast",
       "Dimensions of size 1 that a reshape put between others come out of the broadcast anyway. Only if none was "
       "there before, so that it is clear which is which.")  # fmt: skip
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "reshape")
    if inner is None or 1 in inner.inputs[0].type.shape:
        return None
    kept = [dim for dim, size in enumerate(site.x.type.shape) if size != 1]
    if tuple(site.x.type.shape[dim] for dim in kept) != inner.inputs[0].type.shape:
        return None
    dims = tuple(site.attributes["dims"][dim] for dim in kept)
    return site.apply("broadcast", inner.inputs[0], shape=site.attributes["shape"], dims=dims)


@_rule("slice-of-slice", "slice", "Element i is element start₁ + step₁ · (start₂ + step₂ · i).")
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "slice")
    if inner is None:
        return None
    first, second = dict(inner.attributes), site.attributes
    starts, stops, steps = [], [], []
    for dim, size in enumerate(site.node.output.type.shape):
        start1, step1 = _int(first["starts"], dim), _int(first["steps"], dim)
        step = step1 * second["steps"][dim]
        start = start1 + step1 * second["starts"][dim] if size else 0
        starts.append(start)
        stops.append(start + (size - 1) * step + 1 if size else 0)
        steps.append(step)
    return site.apply("slice", inner.inputs[0], starts=tuple(starts), stops=tuple(stops), steps=tuple(steps))


@_rule("slice-of-concatenate", "slice", "The slice lies within one of the operands.")
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "concatenate")
    if inner is None or site.node.output.type.elements == 0:
        return None
    dim, attributes = dict(inner.attributes)["dim"], site.attributes
    assert isinstance(dim, int)
    start, step = attributes["starts"][dim], attributes["steps"][dim]
    last = start + (site.node.output.type.shape[dim] - 1) * step
    before = 0
    for operand in inner.inputs:
        size = operand.type.shape[dim]
        if before <= start and last < before + size:
            starts, stops = list(attributes["starts"]), list(attributes["stops"])
            starts[dim], stops[dim] = start - before, last - before + 1
            return site.apply("slice", operand, starts=tuple(starts), stops=tuple(stops), steps=attributes["steps"])
        before += size
    return None


@_rule("reverse-of-reverse", "reverse", "What is turned round twice is as it was.")
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "reverse")
    if inner is None:
        return None
    first = dict(inner.attributes)["dims"]
    assert isinstance(first, tuple)
    dims = tuple(sorted({*map(int, first)} ^ {*site.attributes["dims"]}))
    return site.apply("reverse", inner.inputs[0], dims=dims)


@_rule("pad-of-pad", "pad", "Rims of the same value grow together, where the outer one puts nothing in between.")
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "pad")
    if inner is None or any(site.attributes["interior"]):
        return None
    first, second = dict(inner.attributes), site.attributes
    if repr(first["value"]) != repr(second["value"]):
        return None
    low, high = (
        tuple(_int(first[name], dim) + second[name][dim] for dim in range(site.x.type.rank)) for name in ("low", "high")
    )
    return site.apply("pad", inner.inputs[0], low=low, high=high, interior=first["interior"], value=first["value"])


@_rule("concatenate-one", "concatenate", "A single operand is the result, and those without elements add nothing.")
def _(site: Site) -> Value | None:
    dim = site.attributes["dim"]
    full = [value for value in site.node.inputs if value.type.shape[dim]] or list(site.node.inputs[:1])
    if len(full) == 1:
        return full[0]
    return site.apply("concatenate", *full, dim=dim) if len(full) < len(site.node.inputs) else None


@_rule("reduce-of-single", "reduce",
       "identity op x = x, so reductions of one element each are reshapes; sums of floats are not, as 0.0 + -0.0 is "
       "0.0.")  # fmt: skip
def _(site: Site) -> Value | None:
    attributes, x = site.attributes, site.x.type
    if any(x.shape[dim] != 1 for dim in attributes["dims"]) or (x.dtype.is_float and attributes["op"] == "add"):
        return None
    return site.apply("reshape", site.x, shape=site.node.output.type.shape)


@_rule("reduce-of-reduce", "reduce",
       "The same operator over all dimensions at once; not for sums and products of floats, so that what this pass "
       "does never changes a bit.")  # fmt: skip
def _(site: Site) -> Value | None:
    inner = site.source(site.x, "reduce")
    attributes = site.attributes
    if inner is None or (site.dtype.is_float and attributes["op"] in ("add", "mul")):
        return None
    first = dict(inner.attributes)
    done = first["dims"]
    if first["op"] != attributes["op"] or not isinstance(done, tuple):
        return None
    left = [dim for dim in range(inner.inputs[0].type.rank) if dim not in done]
    dims = tuple(sorted((*map(int, done), *(left[dim] for dim in attributes["dims"]))))
    return site.apply("reduce", inner.inputs[0], op=attributes["op"], dims=dims)


@_rule("elementwise-of-permutes", _ELEMENTWISE,
       "Elements are computed alike wherever they lie: operands that are permuted in one way are permuted behind the "
       "operator, where they may meet and cancel. Only if there are two, so that there are fewer.")  # fmt: skip
def _(site: Site) -> Value | None:
    sources: list[Value] = []
    dims: object = None
    count = 0
    for value in site.node.inputs:
        permuted = site.source(value, "permute")
        number = site.number(value)
        if permuted is not None and dims in (None, permuted.attributes[0][1]):
            dims = permuted.attributes[0][1]
            count += 1
            sources.append(permuted.inputs[0])
        elif number is None:
            return None
        else:
            sources.append(value)
    if count < 2 or not isinstance(dims, tuple):
        return None
    shape = next(source.type.shape for source, value in zip(sources, site.node.inputs) if source is not value)
    moved = [
        source if source is not value else site.apply("full", value=site.number(value) or 0, shape=shape,
                                                       dtype=value.type.dtype)
        for source, value in zip(sources, site.node.inputs)
    ]  # fmt: skip
    made = site.apply(site.node.operator, *moved, **site.attributes)
    return site.apply("permute", made, dims=tuple(int(dim) for dim in dims))


@_rule("elementwise-of-reshape", _ELEMENTWISE,
       "Elements are computed alike in any shape. What is computed from a reshaped product is computed in its "
       "shape and reshaped then: so it can be an epilogue. Not if another operand is a product too.")  # fmt: skip
def _(site: Site) -> Value | None:
    reshapes = {value.name: site.source(value, "reshape") for value in site.node.inputs}
    homes = [node.inputs[0] for node in reshapes.values() if node and _holds_product(site, node.inputs[0])]
    if not homes or site.node.output.type.elements == 0:
        return None
    if any(reshapes[value.name] is None and _holds_product(site, value) for value in site.node.inputs):
        return None
    shape = homes[0].type.shape
    moved = [_in_shape(site, value, shape) for value in site.node.inputs]
    made = site.apply(site.node.operator, *moved, **site.attributes)
    return site.apply("reshape", made, shape=site.node.output.type.shape)


def _holds_product(site: Site, value: Value) -> bool:
    """Whether a value is a dot or a convolution, or computed from one element by element."""
    queue = [value]
    for value in queue:
        node = site.source(value, "dot", "convolution", *_ELEMENTWISE)
        if node is not None and node.operator in ("dot", "convolution"):
            return True
        if node is not None and len(queue) < _FAR:
            queue.extend(node.inputs)
    return False


def _in_shape(site: Site, value: Value, shape: tuple[int, ...]) -> Value:
    """A value reshaped, by what is simplest."""
    number = site.number(value)
    if number is not None:
        return site.apply("full", value=number, shape=shape, dtype=value.type.dtype)
    node = site.source(value, "broadcast")
    if node is not None:
        places = {place: dim for dim, place in enumerate(_places(shape)) if place[0] != 1}
        wanted = _places(value.type.shape)
        first = dict(node.attributes)["dims"]
        assert isinstance(first, tuple)
        dims = [places.get(wanted[int(dim)]) for dim in first]
        if None not in dims:
            return site.apply(
                "broadcast", node.inputs[0], shape=shape, dims=tuple(dim for dim in dims if dim is not None)
            )
    return site.apply("reshape", value, shape=shape)


def _places(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Size and row-major stride of each dimension: dimensions that agree in both are the same after a reshape."""
    return list(zip(shape, row_major(shape)))


def _int(values: object, position: int) -> int:
    assert isinstance(values, tuple)
    return int(values[position])
