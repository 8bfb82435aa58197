"""Targets that misbehave; ``register`` puts them into a worker's registry, as its preloading."""

import ctypes
import os
import sys
import time
from itertools import count

import torch

from misfold.programs.pipeline import Pipeline
from misfold.targets import registry
from misfold.targets.protocol import MemoryStamped, Target, Unsupported
from misfold.targets.torch_values import to_function

counter = count()


class Misbehaving(Target):
    """Does in compile or run what the pipeline's options say."""

    name = "misbehaving"
    family = "test"
    gradients = True
    aliases = True
    settled: str | None = None
    warmed = False

    def missing(self):
        return None

    def versions(self):
        return {"misbehaving": "1"}

    def pipelines(self):
        return (Pipeline("default"), Pipeline("second"))

    def warm_up(self):
        type(self).warmed = True

    def settle(self, folder):
        assert self.settled is None, "settled twice"
        self.settled = folder

    def is_rejection(self, error):
        if isinstance(error, ZeroDivisionError):
            raise RuntimeError("is_rejection fails too")
        return isinstance(error, NotImplementedError)

    def compile(self, graph, inputs, pipeline):
        options = pipeline.options
        function = to_function(graph)
        self.act(options.get("compile"), inputs)

        def run(tensors):
            outputs = list(function(*tensors))
            return self.act(options.get("run"), tensors, outputs)

        return run

    def act(self, what, inputs, outputs=None):
        if what == "unsupported":
            raise Unsupported("no relu here", operator="aten.relu")
        elif what == "rejection":
            raise NotImplementedError("not yet")
        elif what == "error":
            raise ZeroDivisionError("planted")
        elif what == "exit":
            sys.exit(4)
        elif what == "hard-exit":
            os._exit(4)
        elif what == "segfault":
            ctypes.string_at(1)
        elif what == "disk-full":
            raise OSError(28, "No space left on device", "/somewhere")
        elif what == "disk-full-says-tool":
            raise RuntimeError("C++ compile error: as: cannot write: No space left on device")
        elif what == "stamp":
            raise MemoryStamped("around input 0")
        elif what == "sleep":
            time.sleep(1000)
        elif what == "write-inputs":
            for tensor in inputs:
                tensor.data.fill_(7)
        elif what == "unstable":
            outputs[0] = outputs[0] + next(counter)
        elif what == "fails-later" and next(counter):
            raise RuntimeError("the second time")
        elif what == "none":
            return None
        elif what == "no-tensor":
            outputs[-1] = 3
        elif what == "complex":
            outputs[0] = outputs[0].to(torch.complex64)
        elif what == "huge":
            outputs[0] = torch.zeros(1).expand(1 << 28)
        elif what == "say":
            print("from the target")
            raise ZeroDivisionError("planted")
        elif what == "facts":
            raise RuntimeError(f"{self.warmed} {self.settled} {torch.get_num_threads()}")
        return outputs


class Broken(Misbehaving):
    """Cannot even warm up."""

    name = "broken"

    def warm_up(self):
        raise OSError("no disk")


class Missing(Misbehaving):
    """Not installed."""

    name = "missing"

    def missing(self):
        return "the package nowhere is not installed: pip install nowhere"


def register():
    """Make ``registry.get`` know these targets, in this process."""
    known = registry.get
    mine = {target.name: target for target in (Misbehaving, Broken, Missing)}
    registry.get = lambda name: mine[name]() if name in mine else known(name)
