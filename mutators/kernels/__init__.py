"""Mutators of loop programs: general ones, those that know what compilers look at, and those that change no meaning.

``mutate`` applies one of ``MUTATORS``; ``repair`` makes of what came out a program that verifies and, as far as ranges
can tell, has no undefined behaviour.
"""

from .mutate import Mutated, applied, mutate
from .mutator import Mutator
from .repair import repair
from .table import MUTATORS

__all__ = ["MUTATORS", "Mutated", "Mutator", "applied", "mutate", "repair"]
