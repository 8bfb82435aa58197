"""Loop fission, or distribution: makes several loops of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from misfold.compiler.loops.dependence import dependences
from misfold.compiler.loops.ir import Allocate, For, Function, Let, Load, Reduce, Statement, Store, Var
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import Block, Names, all_expressions, renamed, statements, substitute_block, with_body
from misfold.compiler.passes.base import LoopPass, parameter

from .nests import bounds_are_free, reorderable, rewrite_block, rewrite_loops

Edges = list[set[int]]


@dataclass(frozen=True)
class Fission(LoopPass):
    """Gives each strongly connected component of the dependences among a loop's statements a loop of its own.

    Kennedy and McKinley, "Loop Distribution with Arbitrary Control Flow" (Supercomputing 1990), with an ``if`` as one
    statement. A ``let`` that no dependence touches is computed anew in each loop that uses it; others, and local
    buffers, stay together with their users.
    """

    name = "fission"
    precondition = (
        "The loop is serial or parallel, its bounds use no memory, and its statements fall into several strongly "
        "connected components of the dependence graph: in a topological order of these, sources stay before sinks."
    )

    loops: str = parameter("all", "which loops: all, or only those without loops inside", ("all", "innermost"))

    def run(self, function: Function) -> Function:
        names = Names(function)
        return rewrite_loops(function, lambda loop, ranges: self._visit(loop, ranges, names))

    def _visit(self, loop: For, ranges: Ranges, names: Names) -> Sequence[Statement] | None:
        nested = any(isinstance(one, For) for one in statements(loop.body))
        wanted = reorderable(loop) and not (nested and self.loops == "innermost")
        if not wanted or len(loop.body) < 2 or not bounds_are_free(loop):
            return None
        groups = _groups(loop, ranges)
        if len(groups) < 2:
            return None
        result = []
        for number, group in enumerate(groups):
            body: Block = tuple([loop.body[member] for member in group])
            var = loop.var
            if number:
                var = Var(names.fresh(loop.var.name))
                body = substitute_block(_own_lets(body, names), {loop.var.name: var})
            piece = replace(loop, var=var, body=body)
            body = rewrite_block(
                piece.body, ranges.inside(piece), lambda inner, around: self._visit(inner, around, names)
            )
            result.append(with_body(piece, body))
        return result


def _own_lets(body: Block, names: Names) -> Block:
    """The body, with the ``let``s of its outermost block renamed: they may have been copied."""
    lets = tuple([one for one in body if isinstance(one, Let)])
    copies = iter(renamed(lets, names))
    values = {}
    result: list[Statement] = []
    for statement in body:
        if isinstance(statement, Let):
            copy = next(copies)
            assert isinstance(copy, Let)
            values[statement.var.name] = copy.var
            statement = copy
        result.append(statement)
    return substitute_block(result, values)


def _groups(loop: For, ranges: Ranges) -> list[list[int]]:
    """Numbers of the body's statements, distributed: each group in textual order, groups in the order to run."""
    body = loop.body
    edges: Edges = [set() for _ in body]
    touched: set[int] = set()
    for one in dependences(loop, ranges):
        source, sink = one.source.path[1], one.sink.path[1]
        touched.update((source, sink))
        if source != sink and one.kind != "reduction":
            edges[source].add(sink)
    used = [_names(statement) for statement in body]
    copied: dict[int, Let] = {}
    for number, statement in enumerate(body):
        if isinstance(statement, Let) and number not in touched:
            copied[number] = statement
        elif isinstance(statement, Let | Allocate):
            name = statement.var.name if isinstance(statement, Let) else statement.buffer.name
            for user in range(number + 1, len(body)):
                if name in used[user]:
                    _tie(edges, number, user)
    # a let that is copied must not be torn from one that is not: its users are tied to that one,
    # also where it is used through other copied ones
    needs: dict[int, set[str]] = {}
    for number in sorted(copied):
        needs[number] = used[number].union(*(needs[one] for one in needs if _binds(body[one]) & used[number]))
        for earlier in range(number):
            if earlier in copied or not _binds(body[earlier]) & needs[number]:
                continue
            for user in range(number + 1, len(body)):
                if _binds(body[number]) & used[user]:
                    _tie(edges, earlier, user)
    components = [part for part in _components(edges) if any(member not in copied for member in part)]
    groups = []
    for part in _ordered(components, edges):
        needed = set().union(*(used[member] for member in part))
        members = set(part)
        for number in sorted(copied, reverse=True):
            if _binds(body[number]) & needed:
                members.add(number)
                needed |= used[number]
        groups.append(sorted(members))
    return groups


def _tie(edges: Edges, one: int, other: int) -> None:
    edges[one].add(other)
    edges[other].add(one)


def _binds(statement: Statement) -> set[str]:
    match statement:
        case Let(var, _):
            return {var.name}
        case Allocate(buffer):
            return {buffer.name}
    return set()


def _names(statement: Statement) -> set[str]:
    """Variables and buffers that a statement uses, at any depth."""
    found = set()
    for node in all_expressions((statement,)):
        if isinstance(node, Var):
            found.add(node.name)
        elif isinstance(node, Load):
            found.add(node.buffer.name)
    found.update(one.buffer.name for one in statements((statement,)) if isinstance(one, Store | Reduce))
    return found


def _components(edges: Edges) -> list[list[int]]:
    """Strongly connected components: Tarjan, "Depth-First Search and Linear Graph Algorithms" (1972), with a stack of
    its own in place of recursion."""
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    found: list[list[int]] = []
    for root in range(len(edges)):
        if root in number:
            continue
        number[root] = low[root] = len(number)
        stack.append(root)
        work = [(root, iter(sorted(edges[root])))]
        while work:
            node, successors = work[-1]
            for successor in successors:
                if successor not in number:
                    number[successor] = low[successor] = len(number)
                    stack.append(successor)
                    work.append((successor, iter(sorted(edges[successor]))))
                    break
                if successor in stack:
                    low[node] = min(low[node], number[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    place = stack.index(node)
                    found.append(sorted(stack[place:]))
                    del stack[place:]
    return found


def _ordered(components: list[list[int]], edges: Edges) -> list[list[int]]:
    """Components in topological order, otherwise as in the text."""
    of = {member: number for number, part in enumerate(components) for member in part}
    after: Edges = [set() for _ in components]
    for number, part in enumerate(components):
        for member in part:
            after[number].update(of[target] for target in edges[member] if target in of and of[target] != number)
    before = [0] * len(components)
    for targets in after:
        for target in targets:
            before[target] += 1
    ready = [(part[0], number) for number, part in enumerate(components) if not before[number]]
    heapify(ready)
    result = []
    while ready:
        _, number = heappop(ready)
        result.append(components[number])
        for target in after[number]:
            before[target] -= 1
            if not before[target]:
                heappush(ready, (components[target][0], target))
    return result
