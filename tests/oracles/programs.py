"""Programs written by hand, one for each way in which judging numbers is hard."""

from __future__ import annotations

from typing import Any

from misfold.programs.case import Case
from misfold.programs.parser import parse_graph

Recipes = dict[str, dict[str, Any]]


def make_case(body: str, inputs: dict[str, str], recipes: Recipes | None = None, **facts: Any) -> Case:
    """A case from a program's body (``;`` between statements), its inputs' types, and recipes where not normal."""
    parameters = ", ".join(f'{name}: "{kind}"' for name, kind in inputs.items())
    lines = "".join(f"    {line.strip()}\n" for line in body.split(";"))
    graph = parse_graph(f"def program({parameters}):\n{lines}")
    chosen: Recipes = {}
    for index, (name, kind) in enumerate(inputs.items()):
        if kind.startswith(("float", "bfloat")):
            chosen[name] = {"draw": "normal", "seed": index + 1}
        else:
            chosen[name] = integers(0, 1 if kind.startswith("bool") else 9, index + 1)
    return Case(graph, {**chosen, **(recipes or {})}, **facts)


def integers(low: int, high: int, seed: int = 1, **more: Any) -> dict[str, Any]:
    """A recipe of small integers."""
    return {"draw": "integers", "low": low, "high": high, "seed": seed, **more}


def values(*items: float, **more: Any) -> dict[str, Any]:
    """A recipe of given elements."""
    return {"draw": "values", "values": list(items), **more}


_GRADIENT = {"draw": "normal", "seed": 3, "requires_grad": True}
_M = {"x0": "float32[16, 24]", "x1": "float32[24, 20]"}

#: Name -> case. All run in eager, with finite results.
HARD: dict[str, Case] = {
    "softmax": make_case("v0 = torch.softmax(x0, 1); return (v0,)", {"x0": "float32[8, 33]"}),
    "layer norm": make_case(
        "v0 = torch.nn.functional.layer_norm(x0, (64,)); v1 = v0.relu(); return v0, v1", {"x0": "float32[9, 64]"}
    ),
    "variance with a large mean": make_case(
        "v0 = torch.var(x0, 1); v1 = torch.std(x0, 1); return v0, v1",
        {"x0": "float32[4, 50]"},
        {"x0": {"draw": "normal", "seed": 1, "shift": 1000.0}},
    ),
    "cancellation": make_case(
        "v0 = torch.mean(x0, 1, True); v1 = torch.sub(x0, v0); v2 = torch.sum(v1, 1); return v1, v2",
        {"x0": "float32[6, 40]"},
        {"x0": {"draw": "normal", "seed": 1, "shift": 100.0}},
    ),
    "matmul chain": make_case(
        "v0 = torch.matmul(x0, x1); v1 = torch.relu(v0); v2 = torch.sum(v1, 1); v3 = torch.tanh(v2); return v1, v3", _M
    ),
    "matmul into comparison": make_case("v0 = torch.matmul(x0, x1); v1 = torch.gt(v0, 0.0); return v0, v1", _M),
    "logsumexp": make_case("v0 = torch.logsumexp(x0, 1); v1 = v0.exp(); return v0, v1", {"x0": "float32[7, 40]"}),
    "floor of a product": make_case(
        "v0 = torch.mul(x0, 0.1); v1 = torch.mul(v0, 10.0); v2 = torch.floor(v1); return v1, v2",
        {"x0": "float32[64]"},
        {"x0": integers(-50, 50)},
    ),
    "floor of thirds": make_case(
        "v0 = torch.div(x0, 3.0); v1 = torch.mul(v0, 3.0); v2 = v1.to(torch.int64); return (v2,)",
        {"x0": "float32[200]"},
        {"x0": integers(-500, 500)},
    ),
    "argmax": make_case("v0 = torch.matmul(x0, x1); v1 = torch.argmax(v0, 1); return v0, v1", _M),
    "argmax under ties": make_case(
        "v0 = torch.argmax(x0, 1); return (v0,)", {"x0": "float32[8, 30]"}, {"x0": integers(0, 3)}
    ),
    "near ties": make_case(
        "v0 = torch.softmax(x0, 1); v1 = torch.argmax(v0, 1); v2, v3 = torch.sort(v0, 1); return v1, v2, v3",
        {"x0": "float32[20, 12]"},
        {"x0": {"draw": "normal", "seed": 4, "scale": 1e-7}},
    ),
    "sort": make_case("v0 = x0.exp(); v1, v2 = torch.sort(v0, 1); return v1, v2", {"x0": "float32[5, 30]"}),
    "half chain": make_case(
        "v0 = torch.mul(x0, x1); v1 = torch.add(v0, x0); v2 = torch.exp(v1); v3 = torch.sum(v2, 1); return v1, v2, v3",
        {"x0": "float16[8, 40]", "x1": "float16[8, 40]"},
    ),
    "bfloat16 chain": make_case(
        "v0 = torch.matmul(x0, x1); v1 = torch.softmax(v0, 1); v2 = torch.gt(v1, 0.05); v3 = torch.sub(v0, 1.0); "
        "return v1, v2, v3",
        {"x0": "bfloat16[8, 40]", "x1": "bfloat16[40, 20]"},
    ),
    "half rounding decides": make_case(
        "v0 = torch.mul(x0, x0); v1 = torch.sub(v0, x0); v2 = torch.round(v1); return (v2,)", {"x0": "bfloat16[300]"}
    ),
    "convolution": make_case(
        "v0 = torch.nn.functional.conv2d(x0, x1, x2, padding=1); v1 = torch.nn.functional.max_pool2d(v0, 2); "
        "return v0, v1",
        {"x0": "float32[2, 8, 12, 12]", "x1": "float32[6, 8, 3, 3]", "x2": "float32[6]"},
    ),
    "cumsum": make_case("v0 = torch.cumsum(x0, 1); v1 = torch.sin(v0); return v0, v1", {"x0": "float32[3, 300]"}),
    "sum of equal terms": make_case(
        "v0 = torch.sum(x0); return (v0,)", {"x0": "float32[5000]"}, {"x0": {"draw": "constant", "value": 0.1}}
    ),
    "masks": make_case(
        "v0 = torch.matmul(x0, x1); v1 = torch.gt(v0, 0.5); v2 = torch.where(v1, v0, x2); v3 = v1.sum(1); "
        "v4 = torch.masked_fill(v0, v1, 0.0); return v2, v3, v4",
        {**_M, "x2": "float32[16, 20]"},
    ),
    "in place on a view": make_case(
        "v0 = torch.mul(x0, x0); v1 = v0[:, :3]; v2 = v1.add_(1.0); v3 = torch.sum(v0, 1); return v0, v3",
        {"x0": "float32[5, 9]"},
    ),
    "in place on an input": make_case(
        "v0 = x0.mul_(x1); v1 = torch.exp(x0); return v0, v1", {"x0": "float32[5, 9]", "x1": "float32[5, 9]"}
    ),
    "batch norm in training": make_case(
        "v0 = torch.nn.functional.batch_norm(x0, x1, x2, training=True); return (v0,)",
        {"x0": "float32[6, 4, 5]", "x1": "float32[4]", "x2": "float32[4]"},
        {"x2": {"draw": "uniform", "seed": 2}},
    ),
    "gradient of a layer": make_case(
        "v0 = torch.nn.functional.linear(x0, x1, x2); v1 = torch.relu(v0); v2 = torch.softmax(v1, 1); return (v2,)",
        {"x0": "float32[10, 24]", "x1": "float32[16, 24]", "x2": "float32[16]"},
        {"x1": _GRADIENT, "x2": {**_GRADIENT, "seed": 5}},
    ),
    "gradient at kinks": make_case(
        "v0 = torch.sub(x0, x1); v1 = torch.abs(v0); v2 = torch.clamp(v1, 0.1, 1.0); return (v2,)",
        {"x0": "bfloat16[200]", "x1": "bfloat16[200]"},
        {"x0": _GRADIENT},
    ),
    "gradient of a norm": make_case(
        "v0 = torch.nn.functional.normalize(x0, dim=1); v1 = v0.sum(0); return v0, v1",
        {"x0": "float32[12, 9]"},
        {"x0": _GRADIENT},
    ),
    "remainders": make_case(
        "v0 = torch.remainder(x0, 0.1); v1 = torch.floor_divide(x0, x1); return v0, v1",
        {"x0": "float32[60]", "x1": "float32[60]"},
        {"x0": {"draw": "uniform", "seed": 1, "high": 5.0}, "x1": {"draw": "constant", "value": 0.1}},
    ),
    "equality after rounding": make_case(
        "v0 = torch.mul(x0, 3.0); v1 = torch.div(v0, 3.0); v2 = torch.eq(v1, x0); v3 = torch.sub(v1, x0); "
        "v4 = torch.sign(v3); return v2, v4",
        {"x0": "float32[300]"},
    ),
    "count of equal elements": make_case(
        "v0 = torch.div(x0, 7.0); v1 = torch.mul(v0, 7.0); v2 = torch.eq(v1, x0); v3 = v2.sum(); return v1, v3",
        {"x0": "float32[100]"},
        {"x0": integers(1, 40)},
    ),
    "integers": make_case(
        "v0 = torch.mul(x0, x1); v1 = torch.sum(v0, 0); v2 = torch.bitwise_and(v0, 7); return v0, v1, v2",
        {"x0": "int8[9, 20]", "x1": "int8[9, 20]"},
        {"x0": integers(-128, 127), "x1": integers(-128, 127, 2)},
    ),
    "small integers in float": make_case(
        "v0 = torch.matmul(x0, x1); v1 = torch.relu(v0); v2 = torch.sum(v1, 1); v3 = torch.argmax(v2); return v1, v2",
        _M,
        {"x0": integers(-3, 3), "x1": integers(-3, 3, 2)},
        exact=True,
    ),
    "cdist": make_case("v0 = torch.cdist(x0, x0); return (v0,)", {"x0": "float32[30, 6]"}),
    "attention": make_case(
        "v0 = torch.nn.functional.scaled_dot_product_attention(x0, x1, x2); return (v0,)",
        {"x0": "float32[2, 8, 16]", "x1": "float32[2, 9, 16]", "x2": "float32[2, 9, 16]"},
    ),
    "cosine similarity": make_case(
        "v0 = torch.nn.functional.cosine_similarity(x0, x1, 1); v1 = torch.acos(v0); return v0, v1",
        {"x0": "float32[30, 5]", "x1": "float32[30, 5]"},
    ),
    "scatter in a half type": make_case(
        "v0 = torch.zeros(4, dtype=torch.float16); v1 = torch.index_add(v0, 0, x1, x0); return (v1,)",
        {"x0": "float16[200]", "x1": "int64[200]"},
        {"x1": integers(0, 3)},
    ),
    "reciprocal of a cancelled zero": make_case(
        "v0 = torch.sub(x0, x0); v1 = torch.neg(v0); v2 = torch.reciprocal(v1); return (v2,)", {"x0": "float32[20]"}
    ),
    "reinterpreted bits": make_case(
        "v0 = torch.exp(x0); v1 = torch.Tensor.view(v0, torch.int32); return v0, v1", {"x0": "float32[20]"}
    ),
    "near the largest half": make_case(
        "v0 = torch.mul(x0, x0); v1 = torch.mul(v0, 0.001); return (v1,)",
        {"x0": "float16[50]"},
        {"x0": {"draw": "uniform", "seed": 1, "low": 240.0, "high": 260.0}},
    ),
}
