"""Loop IR → LLVM → machine code in this process."""

from .compiled import Compiled, build
from .math import error_ulp
from .options import Options

__all__ = ["Compiled", "Options", "build", "error_ulp"]
