"""Which code is worth watching: named regions of the shared libraries of compilers."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..protocol import CoverageUnavailable

if TYPE_CHECKING:
    from .elf import Library


@dataclass(frozen=True)
class Region:
    """Part of a library. ``inside`` and ``outside`` are prefixes of mangled class names, for a library that holds
    another one: the code of the one in front of the code of the other."""

    name: str
    package: str
    #: Pattern of the library's file, relative to the package's folder.
    pattern: str
    inside: str = ""
    outside: str = ""

    def path(self) -> Path:
        """The library of the installed package.

        Raises:
            CoverageUnavailable: the package, or this file in it, is not there.
        """
        spec = find_spec(self.package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            found = sorted(Path(folder).glob(self.pattern))
            if found:
                return found[0].resolve()
        raise CoverageUnavailable(f"{self.name}: there is no {self.pattern} of an installed {self.package}")

    def bounds(self, library: Library) -> tuple[int, int]:
        """First address of the region and the one behind its last."""
        low, high = library.text
        if not self.inside:
            return low, high
        ours = [address for address, name in library.classes.items() if name.startswith(self.inside)]
        theirs = [address for address, name in library.classes.items() if name.startswith(self.outside)]
        if not ours:
            raise CoverageUnavailable(f"{library.path} has no vtables of {self.inside}… classes to find its code by")
        return low, border(ours, theirs) if theirs else high


def border(ours: list[int], theirs: list[int]) -> int:
    """The address that best parts two kinds of functions, ours below it.

    Inline functions of headers are compiled into whoever uses them, so neither kind is quite on its own side.
    """
    points = sorted([(address, 1) for address in ours] + [(address, -1) for address in theirs])
    balance = np.cumsum([kind for _, kind in points])
    last = int(np.argmax(balance))
    return points[last][0] + 1


REGIONS: dict[str, Region] = {
    region.name: region
    for region in (
        Region("tvm", "tvm", "lib*/libtvm_compiler.so", inside="N3tvm", outside="N4llvm"),
        Region("onnxruntime", "onnxruntime", "capi/onnxruntime_pybind11_state*.so"),
        Region("torch_cpu", "torch", "lib/libtorch_cpu.so"),
    )
}
