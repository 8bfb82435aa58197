"""Isolation: a fork server per target family, workers that may die, and slots that replace them.

``ForkServer`` starts a zygote that imports heavy libraries once; ``Slot`` holds one worker forked from it and answers
every call, whatever the code under test does to the worker. See ``wire`` for what crosses the process boundary.
"""

from .answer import Answer
from .limits import Limits
from .server import ForkServer
from .slot import Slot
from .worker import Worker

__all__ = ["Answer", "ForkServer", "Limits", "Slot", "Worker"]
