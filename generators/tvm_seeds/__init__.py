"""Programs that only TVM can hold, as TVMScript: operators of topi, Relax operators that were legalised, and schedules
of both. Everything here needs TVM."""

from .draw import Seed, draw

__all__ = ["Seed", "draw"]
