"""A target in one file, with bugs planted in it: what an afternoon's target looks like."""

import os
import time

from misfold.programs.pipeline import Pipeline
from misfold.targets.protocol import Target, Unsupported
from misfold.targets.torch_values import to_function


class Planted(Target):
    """Eager PyTorch, except that ``relu`` forgets one element, ``exp`` aborts, ``log`` spins, and more."""

    name = "planted"
    family = "planted"
    install = "nothing to install"
    own_modules = ("planted",)
    coverage = ("misfold.programs-lines",)

    def missing(self):
        return None

    def versions(self):
        return {"planted": "1.0"}

    def pipelines(self):
        return [Pipeline("default"), Pipeline("careful", {"careful": True})]

    def compile(self, graph, inputs, pipeline):
        operators = {op.rpartition(".")[2] for op in graph.operators}
        function = to_function(graph)
        if pipeline.options.get("careful"):
            return lambda tensors: function(*tensors)
        if "tanh" in operators:
            raise Unsupported("no tanh here", "tanh")
        if "sigmoid" in operators:
            raise RuntimeError(f"internal check failed at {id(graph):#x}: sigmoid has 3 operands")

        def run(tensors):
            print("a target may print what it likes")
            if "exp" in operators:
                os.abort()
            while "log" in operators:
                time.sleep(0.01)
            if "sin" in operators:
                hoard = [bytearray(2**28) for _ in range(10**6)]
                return hoard
            outputs = [output.clone() for output in function(*tensors)]
            if "relu" in operators:
                for output in outputs:
                    if output.dtype.is_floating_point and output.numel():
                        output.view(-1)[-1] += 1
            return outputs

        return run
