"""torch.compile: dynamo, AOTAutograd and Inductor's C++ code generation.

What a compile costs is mostly fixed: g++ reads a precompiled header and links. So cases are worth merging, header and
CPU detection are done once in the fork server, and debug information, warnings and profiling of guards, none of which
change the code, are left out.

Caches: everything that a case writes goes to the folder given to ``settle`` and is deleted when the next case is
compiled. Precompiled headers (150 MB for each set of compiler flags) are shared by all workers: they are in the folder
named by the environment variable ``MISFOLD_CACHE``, which a campaign points into its own folder, or else in a
temporary one.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from misfold.programs.errors import TargetError
from misfold.programs.graph import Graph
from misfold.programs.pipeline import Pipeline

from .inductor_pipelines import PIPELINES
from .options import check_pipeline, unknown
from .packages import missing_packages, package_versions
from .protocol import Executable, Target

_OPTIONS: dict[str, type] = {
    "backend": str,  # of torch.compile
    "dynamic": bool,  # dynamic shapes from the first compile on
    "config": dict,  # of torch._inductor.config
}
_BACKENDS = ("inductor", "eager", "aot_eager", "aot_eager_decomp_partition")
#: Names the folder for what is shared between workers.
CACHE_VARIABLE = "MISFOLD_CACHE"


class Inductor(Target):
    """PyTorch's default compiler, on one thread, with g++."""

    name = "inductor"
    family = "inductor"
    install = "pip install 'misfold[torch]' and a C++ compiler (apt-get install g++)"
    gradients = True
    aliases = True
    functions = True
    # The blocks of a campaign hold about 30 cases without a backward pass.
    batch = 15
    own_modules = (
        "torch._inductor",
        "torch._dynamo",
        "torch._functorch",
        "torch._decomp",
        "torch._prims",
        "torch._refs",
    )

    def __init__(self) -> None:
        self._folder: str | None = None
        self._ready = False

    def missing(self) -> str | None:
        absent = missing_packages(("torch",), self.install)
        if absent is None and not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++"))):
            return f"there is no C++ compiler (try: {self.install})"
        return absent

    def versions(self) -> Mapping[str, str]:
        return package_versions(("torch",))

    def pipelines(self) -> Sequence[Pipeline]:
        return PIPELINES

    def warm_up(self) -> None:
        import torch

        from misfold.programs.parser import parse_graph

        torch.set_num_threads(1)
        self._prepare()
        graph = parse_graph(
            'def program(x0: "float32[4, 20]", x1: "float32[20]"):\n'
            "    v0 = torch.add(x0, x1)\n    v1 = torch.softmax(v0, -1)\n    v2 = v1.sum(0)\n    return v1, v2\n"
        )
        # The first time with gradients, which import and set up more.
        inputs = [torch.ones(4, 20, requires_grad=True), torch.ones(20)]
        self.compile(graph, inputs, PIPELINES[0])(inputs)

    def settle(self, folder: str) -> None:
        self._folder = folder
        # g++ and tempfile follow TMPDIR: what a killed compiler leaves behind goes with the worker's folder.
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(folder) / "inductor")

    def compile(self, graph: Graph, inputs: Sequence[Any], pipeline: Pipeline) -> Executable:
        self._prepare()
        context = configuration(pipeline)
        import torch._dynamo

        from .dynamo import compile_with

        self._forget()
        lookup = torch._dynamo.lookup_backend(pipeline.options.get("backend", "inductor"))
        return compile_with(lookup, graph, inputs, pipeline.options.get("dynamic", False), context)

    def script(self, graph: Graph, pipeline: Pipeline) -> str:
        from .sources import inductor_source

        return inductor_source(pipeline)

    def _prepare(self) -> None:
        """Set up the process once: options that cost time and change nothing, and where caches are."""
        if self._ready:
            return
        import torch._inductor.codecache
        import torch._inductor.config
        from torch._inductor import cpp_builder

        from .dynamo import replace_internal, save_time, set_entry

        # A pool of compile processes or threads would not survive a fork.
        torch._inductor.config.compile_threads = 1
        # What was compiled before must not answer for what is compiled now.
        torch._inductor.config.fx_graph_cache = False
        torch._inductor.config.fx_graph_remote_cache = False
        save_time()
        # Line tables and warnings take a third of g++'s time.
        set_entry(torch._inductor.config, "aot_inductor.enable_line_tables", False)
        replace_internal(cpp_builder, "_get_warning_all_cflag", lambda *_, **__: ["w"])
        shared = shared_folder()
        replace_internal(torch._inductor.codecache, "_HEADER_DIR", str(shared / "precompiled_headers"))
        replace_internal(torch._inductor.codecache, "_HEADER_LOCK_DIR", str(shared / "precompiled_headers" / "locks"))
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(shared / "inductor"))
        _prefer_fast_linker(shared)
        from . import inductor_shortcuts, joined_kernels

        joined_kernels.install()
        inductor_shortcuts.install()
        self._ready = True

    def _forget(self) -> None:
        """Drop what earlier cases compiled, in memory and on disk."""
        import torch
        import torch._inductor.utils

        torch._dynamo.reset()
        torch._inductor.utils.clear_caches()
        if self._folder is not None:
            shutil.rmtree(Path(self._folder) / "inductor", ignore_errors=True)


def configuration(pipeline: Pipeline) -> AbstractContextManager[Any]:
    """The pipeline's Inductor configuration, to be entered (again and again).

    Raises:
        TargetError: the pipeline has an option or a configuration entry that does not exist, or of a wrong type.
    """
    check_pipeline("inductor", pipeline, _OPTIONS)
    from torch._inductor import config, list_options

    where = f"inductor, pipeline {pipeline.name!r}"
    if pipeline.options.get("backend", "inductor") not in _BACKENDS:
        raise TargetError(f"{where}: {unknown('backend', pipeline.options['backend'], _BACKENDS)}")
    wanted = pipeline.options.get("config", {})
    known = set(list_options())
    for name in wanted:
        if name not in known:
            raise TargetError(f"{where}: {unknown('config', name, known)}")
    patch: AbstractContextManager[Any] = config.patch(dict(wanted))
    return patch


def shared_folder() -> Path:
    """Where precompiled headers are: as ``MISFOLD_CACHE`` says, or a temporary folder that goes with this process."""
    folder = os.environ.get(CACHE_VARIABLE)
    if folder is None:
        folder = tempfile.mkdtemp(prefix="misfold-inductor-")
        owner = os.getpid()

        def remove() -> None:
            if os.getpid() == owner:  # and not a worker that was forked
                shutil.rmtree(folder, ignore_errors=True)

        atexit.register(remove)
        os.environ[CACHE_VARIABLE] = folder
    path = Path(folder) / "inductor-headers"
    path.mkdir(parents=True, exist_ok=True)
    return path


def _prefer_fast_linker(folder: Path) -> None:
    """Let g++ find the gold linker, where installed, as ``ld``: it links a kernel in half the time."""
    gold = shutil.which("ld.gold")
    if gold is None:
        return
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    link = tools / "ld"
    if not link.exists():
        with suppress(FileExistsError):  # another worker was faster
            link.symlink_to(gold)
    paths = [str(tools), *filter(None, [os.environ.get("COMPILER_PATH")])]
    if str(tools) not in os.environ.get("COMPILER_PATH", "").split(os.pathsep):
        os.environ["COMPILER_PATH"] = os.pathsep.join(paths)
