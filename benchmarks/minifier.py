"""PyTorch's own minifier on one case: ``python -m benchmarks.minifier CASE``, one JSON object on standard output.

The graph is traced to aten operators, as its tools do, and handed to ``functorch.compile.minifier`` with a test that
compiles by Inductor and compares with eager as ``torch._dynamo.utils.same`` does, with a float64 reference.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Minify the case of the file that is the argument."""
    import torch
    from functorch.compile import minifier
    from torch._dynamo.utils import same
    from torch._inductor import config
    from torch.fx.experimental.proxy_tensor import make_fx

    from misfold.programs.files import read_case
    from misfold.targets.torch_values import make_inputs, to_function

    case = read_case(Path(sys.argv[1]))
    pipeline = case.pipelines.get("inductor")
    patch = dict(pipeline.options.get("config", {})) if pipeline is not None else {}
    torch.set_num_threads(1)
    config.compile_threads = 1
    config.fx_graph_cache = False
    inputs = [tensor.detach() for tensor in make_inputs(case)]
    tests = 0

    def wide(item: Any) -> Any:
        return item.double() if isinstance(item, torch.Tensor) and item.is_floating_point() else item

    def fails(module: Any, given: Any) -> bool:
        nonlocal tests
        tests += 1
        given = [item.clone() if isinstance(item, torch.Tensor) else item for item in given]
        try:
            expected = module(*[item.clone() for item in given])
        except Exception:
            return False
        try:
            torch._dynamo.reset()
            with config.patch(patch):
                actual = torch.compile(module)(*[item.clone() for item in given])
        except Exception:
            return True
        try:
            precise = module(*[wide(item) for item in given])
        except Exception:
            precise = None
        return not same(expected, actual, precise, tol=1e-4, equal_nan=True)

    # It writes files into the working directory.
    os.chdir(tempfile.mkdtemp(prefix="misfold-minifier-"))
    start = time.monotonic()
    result: dict[str, Any] = {"success": False}
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            module = make_fx(to_function(case.graph))(*inputs)
            before = sum(node.op == "call_function" for node in module.graph.nodes)
            made, kept = minifier(module, inputs, fails, dump_state=lambda *_: None)
        after = sum(node.op == "call_function" for node in made.graph.nodes)
        elements = sum(item.numel() for item in kept if isinstance(item, torch.Tensor))
        result = {"success": True, "before": before, "nodes": after, "elements": elements}
    except Exception as error:
        result["error"] = f"{type(error).__name__}: {error}"[:300]
    print(json.dumps({**result, "tests": tests, "seconds": round(time.monotonic() - start, 2)}))


if __name__ == "__main__":
    main()
