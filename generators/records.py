"""Operator records: concrete calls of public operators, with what was found true of them by running them.

A record is a one-node Graph with recipes for its inputs, and so a case of its own; its facts say how far it may be
moved: which sizes are free, which arguments index a dimension, which are written. Records come from one compressed
file per framework version (one JSON object a line), made by ``misfold operators --collect``.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from misfold.programs.case import Case
from misfold.programs.errors import MisfoldError, UsageError
from misfold.programs.graph import Graph, Node, Value
from misfold.programs.lazy import lazy
from misfold.programs.operators import is_operator
from misfold.programs.parser import parse_graph
from misfold.programs.types import TensorType, parse_type

from .lines import digest

if TYPE_CHECKING:
    from .building import Live
    from .placing import Placer

FORMAT = 1
# What makes the file.
COMMAND = "misfold operators --collect"


@dataclass(frozen=True)
class Record:
    """One call that is known to run.

    ``free``: sizes of dimensions that may be replaced by others (each and together, everywhere they occur); ``zero``:
    those that may become 0; ``pointwise``: all inputs may have any one shape, which is also the outputs'; ``index``:
    inputs whose elements index a dimension of the given size; ``edges``: inputs that take edge values; ``exact``: small
    integers give results without rounding; ``gradient``: the backward pass runs and is finite; ``dynamic``: output
    shapes depend on values; ``writes`` and ``aliases``: what the call does to memory, by names in ``graph``.
    """

    graph: Graph
    recipes: Mapping[str, Mapping[str, Any]]
    free: tuple[int, ...] = ()
    zero: tuple[int, ...] = ()
    pointwise: bool = False
    index: Mapping[str, int] = field(default_factory=dict)
    edges: tuple[str, ...] = ()
    exact: bool = False
    gradient: bool = False
    dynamic: bool = False
    writes: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def node(self) -> Node:
        """The call itself."""
        return self.graph.nodes[0]

    @property
    def op(self) -> str:
        return self.graph.nodes[0].op

    @lazy
    def inputs(self) -> Mapping[str, TensorType]:
        """Types of the inputs by name."""
        return {value.name: value.known for value in self.graph.inputs}

    @lazy
    def outputs(self) -> tuple[TensorType, ...]:
        """Types of the outputs."""
        return tuple(value.known for value in self.node.outputs)

    def case(self) -> Case:
        """The record by itself as a case."""
        return Case(self.graph, self.recipes)

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Record:
        """From a line of the file.

        Raises:
            TextError: the program in it is not one.
            UsageError: the data is not a record.
        """
        try:
            graph = _graph(data["program"])
            facts = data.get("facts", {})
            recipes = {
                name: recipe if recipe["draw"] in ("constant", "values") else {**recipe, "seed": position}
                for position, (name, recipe) in enumerate(data["inputs"].items())
            }
            return Record(
                graph,
                recipes,
                free=tuple(facts.get("free", ())),
                zero=tuple(facts.get("zero", ())),
                pointwise=bool(facts.get("pointwise")),
                index=dict(facts.get("index", {})),
                edges=tuple(facts.get("edges", ())),
                exact=bool(facts.get("exact")),
                gradient=bool(facts.get("gradient")),
                dynamic=bool(facts.get("dynamic")),
                writes=tuple(facts.get("writes", ())),
                aliases=dict(facts.get("aliases", {})),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"not an operator record: {error!r}; make the file again: misfold operators --collect"
            ) from error


_TYPED = re.compile(r'\b([a-z][a-z0-9_]*): "([a-z]+[0-9]*\[[0-9, ]*\](?:\{[0-9, ]*\})?)"')
# Records differ in types more often than in anything else: so many texts are left of them without.
_SKELETONS = 8192


@lru_cache(maxsize=_SKELETONS)
def _skeleton(text: str) -> Graph:
    return parse_graph(text)


def _graph(text: str) -> Graph:
    """As ``parse_graph``, with Python's parser asked once for all texts that differ in nothing but types."""
    found = _TYPED.findall(text)
    types = dict(found)
    plain = _skeleton(_TYPED.sub(r'\1: "float32[]"', text))
    if len(types) != len(found) or types.keys() != plain.values.keys():
        return parse_graph(text)  # a value without a type, or a string that looks like one

    def typed(values: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple([Value(value.name, parse_type(types[value.name])) for value in values])

    nodes = tuple([Node(node.op, node.args, node.kwargs, typed(node.outputs), node.unpack) for node in plain.nodes])
    return Graph(typed(plain.inputs), nodes, plain.returns)


_DTYPES = re.compile(rb'\\"([a-z]+[0-9]*)\[')
_INPUTS = re.compile(rb'\b(x[0-9]+): \\"([a-z]+[0-9]*)\[')
_USES = re.compile(rb"\bx[0-9]+\b")
# a dimension of 0 in a type, behind "[" or ", " and in front of "]" or ","
_EMPTY = re.compile(rb'\\"[a-z]+[0-9]*\[(?:[0-9]+, )*0[\],]')
# the types of the inputs
_TAKEN = re.compile(rb'\bx[0-9]+: \\"([a-z]+[0-9]*)\[([0-9, ]*)\]')
# the type of the first value that the call assigns
_FIRST = re.compile(rb'\bv[0-9]+: \\"([a-z]+[0-9]*)\[([0-9, ]*)\]')
# the same for a tensor of one element
_ONE = re.compile(rb'\bv0: \\"[a-z]+[0-9]*\[(?:1, )*1?\]')
# an input whose type has other sizes than 1
_SEVERAL = re.compile(rb'\bx[0-9]+: \\"[a-z]+[0-9]*\[(?:1, )*(?:[02-9]|1[0-9])')


#: Of a value of any rank, in ``Entry.fits``.
ANY_RANK = -1


def rank_of(shape: bytes) -> int:
    """How many dimensions a shape as in ``2, 3`` has."""
    return shape.count(b",") + bool(shape)


class Entry:
    """A line of the file: what is needed to choose it is read off at once, the record parsed when asked for."""

    __slots__ = (
        "_line", "_makes", "_operands", "_record", "_takes",
        "dtypes", "empty", "exact", "pointwise", "reduces", "single", "writes",
    )  # fmt: skip

    def __init__(self, line: bytes):
        self._line = line
        self._record: Record | None = None
        self._operands: str | None = None
        self._makes: tuple[str, int] | None = None
        self._takes: frozenset[tuple[str, int]] | None = None
        #: element types of the inputs and outputs
        self.dtypes = tuple(dict.fromkeys(name.decode() for name in _DTYPES.findall(line)))
        self.exact = b'"exact": true' in line
        #: whether the call writes an argument
        self.writes = b'"writes": [' in line
        #: whether its inputs may have any one shape
        self.pointwise = b'"pointwise": true' in line
        #: whether a tensor in it has no elements
        self.empty = _EMPTY.search(line) is not None
        #: whether no input has more than one element
        self.single = _SEVERAL.search(line) is None
        #: whether its first output has one element, while an input has several
        self.reduces = not (self.single or self.pointwise) and _ONE.search(line) is not None

    @property
    def length(self) -> int:
        """How long the record is written: calls of few and plain arguments are short."""
        return len(self._line)

    @property
    def operands(self) -> str:
        """Element types of the call's tensor arguments, as ``support.operand_classes`` gives them."""
        if self._operands is None:
            head, _, rest = self._line.partition(b"):")
            types = dict(_INPUTS.findall(head))
            call = rest.partition(b"return ")[0]
            self._operands = ",".join(dict.fromkeys(types[name].decode() for name in _USES.findall(call)))
        return self._operands

    def fits(self, kinds: Collection[tuple[str, int]]) -> bool:
        """As ``placing.Entry.fits``."""
        if self._takes is None:
            found = _TAKEN.findall(self._line)
            types = [(name.decode(), ANY_RANK if self.pointwise else rank_of(shape)) for name, shape in found]
            self._takes = frozenset(types)
        return any(kind in self._takes for kind in kinds)

    def place(self, placer: Placer, budget: int) -> list[Live] | None:
        """As ``placing.Choice.place``."""
        return placer.place(self.record, budget)

    def makes(self, kind: TensorType) -> bool:
        """As ``placing.Choice.makes``."""
        if kind.dtype.name not in self.dtypes or self.writes:
            return False
        if self._makes is None:
            found = None if b'"dynamic": true' in self._line else _FIRST.search(self._line)
            self._makes = ("", 0)
            if found is not None:
                self._makes = (found[1].decode(), rank_of(found[2]))
        return self._makes == (kind.dtype.name, kind.rank)

    def in_front(self, placer: Placer, kind: TensorType) -> list[Live] | None:
        """As ``placing.Choice.in_front``."""
        return placer.in_front(self.record, kind)

    @property
    def record(self) -> Record:
        """The record itself; errors as in ``Record.from_data``."""
        if self._record is None:
            try:
                data = json.loads(self._line)
            except ValueError as error:
                raise UsageError(f"not an operator record: {error}; make the file again: {COMMAND}") from error
            self._record = Record.from_data(data)
        return self._record


class RecordBase:
    """All records of one framework version, by operator."""

    def __init__(self, version: str, lines: Mapping[str, Collection[bytes]], digest: str):
        self.version = version
        #: of the file's bytes
        self.digest = digest
        self._lines = lines
        self._entries: dict[str, list[Entry]] = {}

    @property
    def operators(self) -> tuple[str, ...]:
        """Names of the operators that have records, sorted."""
        return tuple(self._lines)

    def entries(self, op: str) -> list[Entry]:
        """The records of one operator in the file's order, not yet parsed."""
        found = self._entries.get(op)
        if found is None:
            found = self._entries[op] = [Entry(line) for line in self._lines.get(op, ())]
        return found

    def of(self, op: str) -> list[Record]:
        """The records of one operator, in the file's order."""
        return [entry.record for entry in self.entries(op)]

    def counts(self) -> dict[str, int]:
        """Number of records by operator."""
        return {op: len(group) for op, group in self._lines.items()}

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    @staticmethod
    def load(version: str | None = None, path: Path | str | None = None) -> RecordBase:
        """Read the records for a version of torch (by default the installed one), from the package or from ``path``.

        Raises:
            UsageError: there is no file for the version, or it is not one; the message says how to make it.
        """
        version = (version or installed_version()).partition("+")[0]
        source = Path(path) if path is not None else files(__package__).joinpath("data", file_name(version))
        try:
            raw = source.read_bytes()
            data = gzip.decompress(raw)
        except FileNotFoundError:
            known = ", ".join(available()) or "none"
            raise UsageError(
                f"no operator records for torch {version} (shipped: {known}); make them: {COMMAND}"
            ) from None
        except (OSError, EOFError) as error:
            raise UsageError(f"{source}: cannot be read as operator records: {error}") from error
        try:
            first, *lines = data.splitlines()
            header = json.loads(first)
            if header["format"] != FORMAT:
                raise UsageError(f"{source}: format {header['format']}, not {FORMAT}; make it anew: {COMMAND}")
            groups, position = {}, 0
            for op, count in header["operators"].items():
                if is_operator(op):
                    groups[sys.intern(op)] = lines[position : position + count]
                position += count
            return RecordBase(header["torch"], groups, digest(raw))
        except MisfoldError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{source}: not a file of operator records: {error}") from error


def file_name(version: str) -> str:
    """Name of the file for a version of torch, without its build tag."""
    return f"records-torch-{version.partition('+')[0]}.jsonl.gz"


def available() -> list[str]:
    """Versions of torch that the package ships records for."""
    names = [item.name for item in files(__package__).joinpath("data").iterdir()]
    return sorted(name[len("records-torch-") : -len(".jsonl.gz")] for name in names if name.endswith(".jsonl.gz"))


def installed_version() -> str:
    """The installed torch's version, without importing it.

    Raises:
        UsageError: torch is not installed.
    """
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        raise UsageError('torch is not installed; get it with: pip install "misfold[torch]"') from None
