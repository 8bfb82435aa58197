"""Which operators can be called alike."""

from __future__ import annotations

from collections.abc import Collection, Hashable

from misfold.generators.records import RecordBase
from misfold.programs.aliasing import written_arguments
from misfold.programs.arguments import Argument, Ref
from misfold.programs.graph import Node

# Records that are looked at for one operator: they come with all the ways to call it mixed.
_RECORDS = 6


class Signatures:
    """Operators by the structure of their arguments, as far as the records show it."""

    def __init__(self, records: RecordBase):
        self._records = records
        self._found: dict[Hashable, list[str]] | None = None

    def within(self, operators: Collection[str]) -> Signatures:
        """The same for these operators only."""
        made = Signatures(self._records)
        found = {key: [op for op in ops if op in operators] for key, ops in self._index().items()}
        made._found = {key: ops for key, ops in found.items() if ops}
        return made

    def like(self, node: Node) -> list[str]:
        """Operators that have been called with arguments of the same structure, the node's own left out, in a fixed
        order. None of them writes what it is given."""
        return [op for op in self._index().get(structure(node), ()) if op != node.op]

    def unary(self) -> list[str]:
        """Operators of one tensor and nothing else."""
        return self._index().get(((("tensor",),), ()), [])

    def _index(self) -> dict[Hashable, list[str]]:
        if self._found is None:
            self._found = {}
            for op in self._records.operators:
                entries = self._records.entries(op)
                nodes = [one.record.node for one in entries[:: max(1, len(entries) // _RECORDS)][:_RECORDS]]
                for key in dict.fromkeys(structure(one) for one in nodes if not written_arguments(one)):
                    self._found.setdefault(key, []).append(op)
        return self._found


def structure(node: Node) -> Hashable:
    """The kinds of a call's arguments, and the names of those that are given by name."""
    args = tuple([_kind(item) for item in node.args])
    return args, tuple(sorted([(key, _kind(item)) for key, item in node.kwargs.items()]))


def _kind(argument: Argument) -> tuple[str, ...]:
    if isinstance(argument, Ref):
        return ("tensor",)
    if isinstance(argument, list | tuple):
        return ("list", *sorted({_kind(item)[0] for item in argument}))
    return (type(argument).__name__,)
