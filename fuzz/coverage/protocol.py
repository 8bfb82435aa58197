"""What a source of coverage is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass


class CoverageUnavailable(Exception):
    """A source cannot work here; the message says why and what would help. A campaign goes on without it."""


@dataclass(frozen=True)
class Place:
    """What a point is, for people. ``component`` is a namespace or package; ``name`` the nearest name known."""

    component: str
    name: str


class Source(ABC):
    """Points that a process can reach, numbered from 0 in a way that holds for every process with the same packages.

    A source is armed once, in the fork server, after the libraries are loaded and warmed up; workers inherit it.
    """

    #: Unique within a campaign, such as ``tvm-functions``.
    name: str
    #: Identifies the numbering: two campaigns may be compared where it is the same.
    key: str
    #: Number of points.
    size: int

    @abstractmethod
    def arm(self, seen: Sequence[int] = ()) -> None:
        """Begin to watch for all points but those in ``seen``.

        Raises:
            CoverageUnavailable: it does not work in this process.
        """

    @abstractmethod
    def new_since(self) -> list[int]:
        """Points that this process reached for the first time since the last call (or since ``arm``)."""

    @abstractmethod
    def forget(self, points: Sequence[int]) -> None:
        """Stop watching for points that the campaign knows by now."""

    @abstractmethod
    def describe(self, points: Sequence[int]) -> list[Place]:
        """What these points are. Works in any process, armed or not."""
