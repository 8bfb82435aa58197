"""misfold's own compiler beside Inductor, TVM and eager: what compiling costs and how fast compiled code is.

    python -m benchmarks.compiler --count 5 --repeats 20

Prints one JSON object as its last line:

* ``latency_ms``: median milliseconds from an ATen graph of ``--nodes`` operators (``torch.export``, decomposed) to
  something that can be called, for misfold at each named pipeline, TVM and Inductor (warm, caches off), over the
  same ``--count`` graphs;
* ``latency_cpu_ms``: the same in processor time, that of processes started included: a busy machine changes it less;
* ``run_ms``: median milliseconds of a run on one thread, per workload, for eager, Inductor and misfold at O2 and O3;
  and ``over_inductor``, ``over_eager``, ``O3_over_inductor``: misfold's time divided by theirs;
* ``scaling_ms``: milliseconds to compile graphs of 10 to 500 operators at O2, and ``scaling_exponent``: the slope of
  log time over log operators from 50 on (1: linear).

Everything is measured in one process, the competitors in turn, so that a busy machine hurts all alike.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TVM_NUM_THREADS", "1")

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from misfold.compiler.driver import compile_graph
from misfold.compiler.frontend.entry import import_exported
from misfold.compiler.frontend.executable import Executable
from misfold.compiler.pipelines import NAMED, named
from misfold.targets.exporting import export

Function = Callable[..., Any]


def chain(nodes: int, variant: int = 0) -> Function:
    """A function of two [64, 64] matrices with ``nodes`` operators: elementwise, reductions, views, a product."""
    steps: list[Callable[[Any, Any], Any]] = [
        lambda x, y: torch.add(x, y),
        lambda x, y: torch.tanh(x),
        lambda x, y: torch.mul(x, 0.5),
        lambda x, y: torch.softmax(x, -1),
        lambda x, y: torch.transpose(x, 0, 1),
        lambda x, y: torch.relu(x),
        lambda x, y: torch.sub(x, torch.mean(y, 1, keepdim=True)),
        lambda x, y: torch.sigmoid(x),
        lambda x, y: torch.maximum(x, y),
        lambda x, y: torch.matmul(x, y),
    ]

    def function(x: Any, y: Any) -> Any:
        for step in range(nodes):
            x = steps[(step + variant) % len(steps)](x, y)
        return x

    return function


def workloads() -> dict[str, tuple[Function, Sequence[Any]]]:
    """What is run: 1–4 million elements, or a 512 × 512 × 512 product."""
    torch.manual_seed(0)
    rows = torch.randn(2048, 1024)
    other = torch.randn(2048, 1024)
    bias = torch.randn(1024)
    square = torch.randn(512, 512)
    weight = torch.randn(512, 512)
    return {
        "elementwise": (lambda x, y: torch.relu(x * y + 1.0) - x * 0.5, (rows, other)),
        "elementwise-exp": (lambda x, y: torch.sigmoid(x) * y, (rows, other)),
        "row-sum": (lambda x, y: (x * y).sum(1), (rows, other)),
        "row-max": (lambda x: x.amax(1), (rows,)),
        "column-sum": (lambda x: x.sum(0), (rows,)),
        "softmax": (lambda x: torch.softmax(x, -1), (rows,)),
        "layer-norm": (lambda x, b: torch.nn.functional.layer_norm(x, (1024,), b, b), (rows, bias)),
        "matmul-512": (torch.matmul, (square, weight)),
        "matmul-bias-gelu": (
            lambda x, w, b: torch.nn.functional.gelu(torch.matmul(x, w) + b),
            (square, weight, bias[:512]),
        ),
        "conv2d": (
            lambda x, w: torch.nn.functional.conv2d(x, w, padding=1),
            (torch.randn(1, 32, 56, 56), torch.randn(32, 32, 3, 3)),
        ),
    }


def processor_ms() -> float:
    """Milliseconds that processors have worked for this process and those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return 1e3 * sum(one.ru_utime + one.ru_stime for one in used)


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds of one call, and what it returned."""
    started = time.perf_counter()
    result = function()
    return 1e3 * (time.perf_counter() - started), result


def by_misfold(program: Any, pipeline: str) -> Callable[..., Any]:
    imported = import_exported(program)
    return Executable(imported, compile_graph(imported.graph, named(pipeline)))


def by_tvm(program: Any) -> Any:
    import tvm
    from tvm import relax
    from tvm.relax.frontend.torch import from_exported_program

    module = from_exported_program(program, run_ep_decomposition=False)
    built = relax.build(module, tvm.target.Target("llvm"))
    return relax.VirtualMachine(built, tvm.cpu())["main"]


def by_inductor(program: Any, inputs: Sequence[Any]) -> Callable[[], Any]:
    """What is to be measured: the graph is traced already."""
    from torch._inductor.compile_fx import compile_fx_inner
    from torch._inductor.decomposition import select_decomp_table

    torch._inductor.utils.clear_caches()
    module = program.module()
    table = select_decomp_table()
    traced = make_fx(lambda *tensors: (module(*tensors),), decomposition_table=table, tracing_mode="fake")(*inputs)
    return lambda: compile_fx_inner(traced, list(inputs))


def prepare_inductor() -> None:
    import torch._functorch.config
    import torch._inductor.compile_fx
    import torch._inductor.config
    import torch._inductor.utils

    torch._inductor.config.compile_threads = 1
    torch._inductor.config.fx_graph_cache = False
    torch._inductor.config.force_disable_caches = True
    torch._functorch.config.enable_autograd_cache = False


def latency(nodes: int, count: int, with_tvm: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Median milliseconds per compiler, by the clock and of processor time; one more graph is compiled first, to warm
    up."""
    inputs = (torch.randn(64, 64), torch.randn(64, 64))
    programs = [export(chain(nodes, variant), inputs) for variant in range(count + 1)]
    compilers: dict[str, Callable[[Any], Callable[[], Any]]] = {
        f"misfold-{name}": (lambda program, name=name: lambda: by_misfold(program, name)) for name in NAMED
    }
    if with_tvm:
        compilers["tvm"] = lambda program: lambda: by_tvm(program)
    compilers["inductor"] = lambda program: by_inductor(program, inputs)
    spent: dict[str, list[float]] = {name: [] for name in compilers}
    worked: dict[str, list[float]] = {name: [] for name in compilers}
    for index, program in enumerate(programs):
        for name, compiler in compilers.items():
            compiling = compiler(program)
            before = processor_ms()
            milliseconds, _ = timed(compiling)
            if index:
                spent[name].append(milliseconds)
                worked[name].append(processor_ms() - before)
    return _medians(spent), _medians(worked)


def _medians(spent: dict[str, list[float]]) -> dict[str, float]:
    return {name: round(statistics.median(values), 2) for name, values in spent.items()}


def runs(repeats: int, only: Sequence[str]) -> dict[str, dict[str, float]]:
    """Median milliseconds per workload and competitor, and the ratios."""
    found: dict[str, dict[str, float]] = {}
    for name, (function, inputs) in workloads().items():
        if only and name not in only:
            continue
        torch._dynamo.reset()
        inductor = torch.compile(function)
        misfold_o2 = by_misfold(export(function, inputs), "O2")
        misfold_o3 = by_misfold(export(function, inputs), "O3")
        competitors = {"eager": function, "inductor": inductor, "misfold": misfold_o2, "misfold-O3": misfold_o3}
        spent: dict[str, list[float]] = {key: [] for key in competitors}
        with torch.no_grad():
            for repeat in range(repeats + 2):
                for key, call in competitors.items():
                    milliseconds, _ = timed(lambda call=call, inputs=inputs: call(*inputs))
                    if repeat >= 2:
                        spent[key].append(milliseconds)
        row = {key: round(statistics.median(values), 3) for key, values in spent.items()}
        row["over_inductor"] = round(row["misfold"] / row["inductor"], 2)
        row["over_eager"] = round(row["misfold"] / row["eager"], 2)
        row["O3_over_inductor"] = round(row["misfold-O3"] / row["inductor"], 2)
        found[name] = row
    return found


def scaling() -> tuple[dict[str, float], float]:
    """Milliseconds by number of operators (the better of two), and the exponent of growth from 50 on."""
    inputs = (torch.randn(64, 64), torch.randn(64, 64))
    spent = {}
    for nodes in (10, 50, 100, 250, 500):
        program = export(chain(nodes), inputs)
        spent[nodes] = min(timed(lambda program=program: by_misfold(program, "O2"))[0] for _ in range(2))
    points = [(math.log(nodes), math.log(value)) for nodes, value in spent.items() if nodes >= 50]
    slope, _ = statistics.linear_regression(*zip(*points))
    return {str(nodes): round(value, 1) for nodes, value in spent.items()}, round(slope, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=10, help="operators of the graphs that latency is measured on")
    parser.add_argument("--count", type=int, default=10, help="graphs that latency is measured on")
    parser.add_argument("--repeats", type=int, default=30, help="runs of each workload")
    parser.add_argument("--only", nargs="*", default=[], help="workloads; default all")
    parser.add_argument("--without-tvm", action="store_true")
    parser.add_argument("--parts", nargs="*", default=["latency", "run", "scaling"], help="what to measure")
    options = parser.parse_args()
    torch.set_num_threads(1)
    prepare_inductor()
    result: dict[str, Any] = {"nodes": options.nodes}
    if "latency" in options.parts:
        result["latency_ms"], result["latency_cpu_ms"] = latency(options.nodes, options.count, not options.without_tvm)
    if "run" in options.parts:
        result["run_ms"] = runs(options.repeats, options.only)
    if "scaling" in options.parts:
        result["scaling_ms"], result["scaling_exponent"] = scaling()
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
