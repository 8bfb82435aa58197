"""Operators that can share a loop nest are gathered into ``fused`` nodes."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import ClassVar

from misfold.compiler.graph.costs import is_cheap, is_free, iterations, reads_repeatedly
from misfold.compiler.graph.fusion_rules import is_elementwise, is_index_computable, is_nest
from misfold.compiler.graph.ir import Graph, Node, TensorType, Value
from misfold.compiler.graph.rewrite import Names
from misfold.compiler.passes.base import GraphPass, parameter

# An index-computable node is computed anew for each index map at which it is read: no more than so many.
_MOST_MAPS = 4
# How many cheap nodes a group computes that others compute too.
_MOST_REPEATED = 8


@dataclass(frozen=True)
class OperatorFusion(GraphPass):
    """Greedy fusion from consumers to producers.

    The nodes are walked from the last to the first. A node that no group has taken yet becomes the root of a group, and
    the group takes in the producers of what it reads, the last ones first, as long as ``graph.fusion_rules`` and the
    weights of ``graph.costs`` allow. This is the scheme of XLA's instruction fusion (without its cost model), with
    multiple outputs where they cost nothing:

    * A producer whose users are all in the group moves into it. If it is expensive, it must not be computed for more
      elements than it has, so it must be read at one index map and not behind a stretching broadcast; nothing but free
      nodes moves into the operands of a dot, a convolution or a window, which read each element many times.
    * A cheap producer with other users is computed in each group anew, unless it is in memory anyway or reads more than
      one tensor of its size.
    * A loop nest (a reduction, a dot, …) moves into the group of elementwise consumers that have its shape: these are
      its epilogue.
    * What moved in and is used by later groups too, or is an output of the graph, becomes another output if its shape
      is the root's and the group computes it element by element.
    """

    name: ClassVar[str] = "operator-fusion"
    precondition: ClassVar[str] = (
        "The producer can be computed where its consumer reads it, one element at a time, and whoever else reads it "
        "comes later than the group. Elements are computed by the same operators as before."
    )

    nodes: int = parameter(48, "most nodes in a group", (2, 8, 48, 128))
    producers: bool = parameter(True, "take elementwise producers into elementwise groups", (False, True))
    reductions: bool = parameter(True, "take producers into reductions and other loop nests", (False, True))
    epilogues: bool = parameter(True, "take loop nests into the groups of their elementwise consumers", (False, True))
    recompute: bool = parameter(True, "compute cheap nodes again rather than store them", (False, True))

    def run(self, graph: Graph) -> Graph:
        return _Fusion(graph, self).run()


@dataclass(frozen=True)
class _Map:
    """An index map at which values are read in a group. Two maps are the same if they have the same origin: 0 is the
    group's own loops; others come from an operand of a nest, or from a node that moves elements."""

    origin: tuple[int, ...]
    #: How many elements are read.
    count: int
    #: Whether nothing that takes time may be computed here.
    free_only: bool = False
    #: Whether what is computed here may be computed in vain: where padding or another operand is what is read.
    in_vain: bool = False


@dataclass
class _Group:
    root: int
    shape: tuple[int, ...]
    members: set[int] = field(default_factory=set)
    #: Members whose outputs others use too.
    shared: set[int] = field(default_factory=set)
    nest: int | None = None
    #: How many members that are not free are computed elsewhere too.
    repeated: int = 0
    #: The index maps at which each value is read.
    maps: dict[str, set[_Map]] = field(default_factory=dict)
    #: How often each value is read by members that are computed nowhere else.
    reads: dict[str, int] = field(default_factory=dict)


class _Fusion:
    def __init__(self, graph: Graph, options: OperatorFusion):
        self.graph = graph
        self.options = options
        self.position = {value.name: i for i, node in enumerate(graph.nodes) for value in node.outputs}
        self.outputs = {value.name for value in graph.outputs}
        #: The positions of the nodes that use each value, in order.
        self.users: dict[str, list[int]] = {}
        for i, node in enumerate(graph.nodes):
            for value in node.inputs:
                self.users.setdefault(value.name, []).append(i)
        #: Values that must be in memory.
        self.needed = set(self.outputs)
        #: Nodes that some group stores.
        self.stored: set[int] = set()

    def run(self) -> Graph:
        nodes = self.graph.nodes
        groups: list[_Group] = []
        for i in range(len(nodes) - 1, -1, -1):
            node = nodes[i]
            if i in self.stored or not any(value.name in self.needed for value in node.outputs):
                continue
            group = self._grow(i)
            groups.append(group)
            self.stored.update(group.shared, [i])
            for member in group.members:
                for value in nodes[member].inputs:
                    if self.position.get(value.name, -1) not in group.members:
                        self.needed.add(value.name)
        if all(len(group.members) == 1 for group in groups):
            return self.graph
        names = Names(self.graph)
        made = [self._emit(group, names) for group in reversed(groups)]
        return Graph(self.graph.name, self.graph.inputs, tuple(made), self.graph.outputs)

    # ------------------------------------------------------------------------------------------------------ groups

    def _grow(self, root: int) -> _Group:
        node = self.graph.nodes[root]
        group = _Group(root, node.outputs[0].type.shape)
        for value in node.outputs:
            group.maps[value.name] = {_Map((), value.type.elements)}
        if node.body is not None or not (is_index_computable(node) or is_nest(node)):
            group.members.add(root)
            return group
        # Positions of producers that are to be looked at, the last first: then all their users in the group are known.
        queue: list[int] = []
        seen: set[int] = set()
        self._add(group, root, True, queue, seen)
        while queue and len(group.members) < self.options.nodes:
            self._consider(group, -heappop(queue), queue, seen)
        return group

    def _add(self, group: _Group, member: int, owned: bool, queue: list[int], seen: set[int]) -> None:
        node = self.graph.nodes[member]
        group.members.add(member)
        if is_nest(node):
            group.nest = member
        for operand, value in enumerate(node.inputs):
            group.reads[value.name] = group.reads.get(value.name, 0) + owned
            group.maps.setdefault(value.name, set()).update(self._read_at(group, member, operand))
            producer = self.position.get(value.name)
            if producer is not None and producer not in seen:
                seen.add(producer)
                heappush(queue, -producer)

    def _read_at(self, group: _Group, member: int, operand: int) -> set[_Map]:
        """The index maps at which a member reads an operand."""
        node = self.graph.nodes[member]
        if is_nest(node):
            return {_Map((member, operand), iterations(node), reads_repeatedly(node))}
        at = group.maps[node.output.name]
        if is_elementwise(node):
            return at
        size = node.inputs[operand].type.elements
        in_vain = node.operator in ("pad", "concatenate")
        return {
            _Map((*one.origin, member, operand), min(one.count, size) if in_vain else one.count, one.free_only,
                 one.in_vain or in_vain)
            for one in at
        }  # fmt: skip

    def _consider(self, group: _Group, i: int, queue: list[int], seen: set[int]) -> None:
        """Take a producer into the group, if that is allowed and worth it."""
        node = self.graph.nodes[i]
        if node.body is not None:
            return
        if is_nest(node):
            fits = self._fits_as_nest(group, i)
        elif is_index_computable(node):
            fits = self._fits_as_producer(group, i)
        else:
            return
        if not fits:
            return
        alone = self._is_alone(group, node)
        shared = not alone and not is_free(node) and self._is_needed(node) and self._can_share(group, node)
        if shared:
            group.shared.add(i)
        if not alone and not shared:
            if not self._may_repeat(group, node):
                return
            group.repeated += not is_free(node)
        self._add(group, i, alone or shared, queue, seen)

    def _is_alone(self, group: _Group, node: Node) -> bool:
        """Whether nobody but the group's own members uses the node's outputs: not even a group that computes one of
        those members anew."""
        return all(
            group.reads.get(value.name, 0) == len(self.users.get(value.name, ())) and value.name not in self.needed
            for value in node.outputs
        )

    def _fits_as_nest(self, group: _Group, i: int) -> bool:
        return (
            self.options.epilogues
            and group.nest is None
            and all(value.type.shape == group.shape for value in self.graph.nodes[i].outputs)
            and all(not one.origin for value in self.graph.nodes[i].outputs for one in group.maps.get(value.name, ()))
            and group.shared <= self._behind(group, i)
        )

    def _behind(self, group: _Group, i: int) -> set[int]:
        """The members that depend on a node, which all come after it."""
        found = {i}
        for member in sorted(group.members):
            if any(self.position.get(value.name) in found for value in self.graph.nodes[member].inputs):
                found.add(member)
        return found

    def _fits_as_producer(self, group: _Group, i: int) -> bool:
        node = self.graph.nodes[i]
        maps = group.maps[node.output.name]
        in_nest = any(one.origin and is_nest(self.graph.nodes[one.origin[0]]) for one in maps)
        if node.operator in ("full", "iota"):
            return True
        if not (self.options.reductions if in_nest else self.options.producers):
            return False
        if len(maps) > _MOST_MAPS:
            return False
        if is_free(node):
            return True
        if any(one.free_only for one in maps):
            return False
        if is_cheap(node):
            return True
        return sum(one.count for one in maps) <= node.output.type.elements and not any(one.in_vain for one in maps)

    def _can_share(self, group: _Group, node: Node) -> bool:
        """Whether the group can store what others use too: it is computed at the root's indices, and they come later
        than the root, so that the group can run before them."""
        if group.nest is not None:
            # All that depends on the nest was looked at before it; what comes now would have no loops to be stored in.
            return False
        return all(
            value.type.shape == group.shape
            and all(not one.origin for one in group.maps.get(value.name, ()))
            and bisect_right(self.users.get(value.name, []), group.root) == group.reads.get(value.name, 0)
            for value in node.outputs
        )

    def _is_needed(self, node: Node) -> bool:
        return any(value.name in self.needed for value in node.outputs)

    def _may_repeat(self, group: _Group, node: Node) -> bool:
        """Whether a node is computed here although others compute it too, rather than stored and read."""
        if is_free(node):
            return True
        if not self.options.recompute or not is_cheap(node) or self._is_needed(node):
            return False
        # What reads one tensor to make one takes as long as reading its result; smaller operands do not count.
        large = sum(self._source(value) >= node.output.type.elements for value in node.inputs)
        return large <= 1 and group.repeated < _MOST_REPEATED

    def _source(self, value: Value) -> int:
        """How many elements are read to make an operand, as far as free nodes tell."""
        elements = value.type.elements
        for _ in range(_MOST_REPEATED):
            position = self.position.get(value.name)
            node = None if position is None else self.graph.nodes[position]
            if node is None or not is_free(node):
                break
            if not node.inputs:
                return 0
            value = node.inputs[0]
            elements = min(elements, value.type.elements)
        return elements

    # ------------------------------------------------------------------------------------------------------ output

    def _emit(self, group: _Group, names: Names) -> Node:
        root = self.graph.nodes[group.root]
        if len(group.members) == 1:
            return root
        renamed: dict[str, Value] = {}
        inputs: list[Value] = []
        parameters: list[Value] = []
        body: list[Node] = []
        for i in sorted(group.members):
            node = self.graph.nodes[i]
            for value in node.inputs:
                if value.name not in renamed:
                    inputs.append(value)
                    renamed[value.name] = Value(names.fresh("p"), value.type)
                    parameters.append(renamed[value.name])
            outputs = []
            for value in node.outputs:
                # Only what is stored has strides.
                outputs.append(Value(names.fresh("b"), TensorType(value.type.dtype, value.type.shape)))
                renamed[value.name] = outputs[-1]
            found = tuple(renamed[value.name] for value in node.inputs)
            body.append(Node(node.operator, found, tuple(outputs), node.attributes))
        stored = [value for i in sorted((*group.shared, group.root)) for value in self._visible(group, i)]
        results = tuple(renamed[value.name] for value in stored)
        graph = Graph(_name(body), tuple(parameters), tuple(body), results)
        return Node("fused", tuple(inputs), tuple(stored), (), graph)

    def _visible(self, group: _Group, i: int) -> list[Value]:
        """The outputs of a member that others read."""
        return [value for value in self.graph.nodes[i].outputs if value.name in self.needed]


def _name(body: list[Node]) -> str:
    """What a group is called: its operators that say most."""
    telling = [node.operator for node in body if is_nest(node)] or [
        node.operator for node in body if is_elementwise(node) and node.operator != "cast"
    ]
    return "_".join(telling[:3]) or body[-1].operator
