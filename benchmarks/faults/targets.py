"""misfold's own compiler with one fault, as targets of campaigns: ``misfold-fault-NAME`` for graphs and for kernels.

They register by entry points, as all targets do, but only while ``registered`` holds: nobody else ever meets them.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from misfold.targets import registry
from misfold.targets.kernels import registry as kernel_registry
from misfold.targets.kernels.misfold import Misfold as KernelMisfold
from misfold.targets.misfold import Misfold

from .catalogue import catalogue
from .switching import fault

PREFIX = "misfold-fault-"
_GROUPS = {registry.GROUP: "graph", kernel_registry.GROUP: "kernel"}
_ROOT = Path(__file__).resolve().parents[2]


def target_name(name: str) -> str:
    """What the target with a fault is called."""
    return f"{PREFIX}{name}"


class FaultyGraphs(Misfold):
    """The compiler with a fault, on graphs. It shares the compiler's family, and so its fork server."""

    faults: Sequence[str] = ()

    def compile(self, graph: Any, inputs: Any, pipeline: Any) -> Any:
        with fault(*self.faults):
            run = super().compile(graph, inputs, pipeline)

        def faulty(tensors: Any) -> Any:
            # Derivatives are compiled at the first run.
            with fault(*self.faults):
                return run(tensors)

        return faulty

    def script(self, graph: Any, pipeline: Any) -> Any:
        return None  # the compiler that scripts import has no faults

    def versions(self) -> Mapping[str, str]:
        return {**super().versions(), **{f"fault {name}": "on" for name in self.faults}}


class FaultyKernels(KernelMisfold):
    """The compiler with a fault, on kernels."""

    faults: Sequence[str] = ()

    def compile(self, function: Any, pipeline: Any) -> Any:
        with fault(*self.faults):
            return super().compile(function, pipeline)

    def script(self, case: Any, pipeline: Any, exact: bool = False) -> Any:
        return None

    def versions(self) -> Mapping[str, str]:
        return {**super().versions(), **{f"fault {name}": "on" for name in self.faults}}


_made: dict[str, type] = {}


def __getattr__(attribute: str) -> type:
    """``graph_NAME`` and ``kernel_NAME``: the classes that the entry points name, underscores for hyphens."""
    kind, _, rest = attribute.partition("_")
    name = rest.replace("_", "-")
    if kind not in ("graph", "kernel") or name not in catalogue():
        raise AttributeError(attribute)
    if attribute not in _made:
        base = FaultyGraphs if kind == "graph" else FaultyKernels
        _made[attribute] = type(attribute, (base,), {"name": target_name(name), "faults": (name,)})
    return _made[attribute]


@contextmanager
def registered() -> Iterator[None]:
    """All faulty targets are known to the registries, here and in processes started meanwhile."""
    with tempfile.TemporaryDirectory(prefix="misfold-faults-") as folder:
        info = Path(folder) / "misfold_faults-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: misfold-faults\nVersion: 1.0\n")
        lines = []
        for group, kind in _GROUPS.items():
            lines.append(f"[{group}]")
            lines += [
                f"{target_name(name)} = {__name__}:{kind}_{name.replace('-', '_')}" for name in sorted(catalogue())
            ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        before = os.environ.get("PYTHONPATH")
        paths = [folder, str(_ROOT)]
        sys.path[:0] = paths
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*paths, before]))
        _forget()
        try:
            yield
        finally:
            for path in paths:
                sys.path.remove(path)
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before
            _forget()


def _forget() -> None:
    registry.forget()
    kernel_registry.targets.cache_clear()
