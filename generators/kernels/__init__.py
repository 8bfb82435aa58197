"""Random programs in the loop IR: free of undefined behaviour by construction, and the same everywhere.

``functions`` puts a function together; below it ``loops``, ``statements``, ``indices`` and ``expressions`` make one
kind of thing each, all of them asking a ``Scope`` what can be used where they stand. That nothing undefined happens
rests on four rules, each kept in one place:

* indices are in range by the intervals of what they are made of (``indices``);
* divisors of integers are not zero (``integers``);
* a buffer is read only once all of it was written (``View.readable``, ``loops.filling``);
* in a parallel or vectorised loop a buffer is either not written, or one dimension of it is indexed by the loop's
  variable, everywhere in the loop in the same way (``sharing``).
"""

from .approximation import approximate
from .arrays import inputs
from .functions import generate
from .options import Options
from .taming import tame

__all__ = ["Options", "approximate", "generate", "inputs", "tame"]
