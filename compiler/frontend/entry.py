"""The two ways into the compiler: an exported program, and an FX graph as a backend of torch.compile is given it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import GraphModule
from torch.fx import Node as FxNode
from torch.multiprocessing.reductions import StorageWeakRef

from misfold.compiler.errors import Unsupported
from misfold.compiler.graph.ir import Graph, Node, Value

from .imported import Computed, Constant, Imported, Input, Mutation, Output, Part, Passed, View
from .importer import Importer, Token, returned
from .layout import has_own_places, strides_of
from .tensor import Tensor


def import_exported(program: ExportedProgram) -> Imported:
    """Convert an exported program: of any operators, decomposed or not.

    Raises:
        Unsupported: the program has an operator, a dtype, a layout or a shape that the compiler does not take.
    """
    importer = _Program("exported")
    signature = program.graph_signature
    placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    held: list[tuple[FxNode, str, Any, bool]] = []
    position = 0
    for spec in signature.input_specs:
        node = placeholders[spec.arg.name]
        if spec.kind is InputKind.USER_INPUT:
            importer.user_input(node, position)
            position += 1
        elif spec.kind is InputKind.TOKEN:
            importer.token(node)
        elif spec.kind in (InputKind.PARAMETER, InputKind.BUFFER):
            name = str(spec.target)
            tensor = program.state_dict[name] if name in program.state_dict else program.constants[name]
            held.append((node, name, tensor, False))
        elif spec.kind is InputKind.CONSTANT_TENSOR:
            held.append((node, str(spec.target), program.constants[str(spec.target)], True))
        else:
            raise Unsupported(f"an input of kind {spec.kind.name}")
    for node, name, tensor, constant in held:
        importer.held_tensor(node, name, tensor, constant)

    nodes = _output_nodes(program.graph_module)
    values = returned(importer.importer.run(program.graph, program.graph_module))
    importer.written_inputs()
    for spec, node, value in zip(signature.output_specs, nodes, values, strict=True):
        if spec.kind is OutputKind.TOKEN:
            continue
        if spec.kind in (OutputKind.USER_OUTPUT, OutputKind.LOSS_OUTPUT):
            importer.result(node, value)
        elif spec.kind is OutputKind.USER_INPUT_MUTATION:
            importer.mutation(placeholders[str(spec.target)], node, value)
        elif spec.kind.name in ("BUFFER_MUTATION", "PARAMETER_MUTATION"):
            mutated = next(one for one, name, *_ in held if name == spec.target)
            importer.mutation(mutated, node, value)
        else:
            raise Unsupported(f"an output of kind {spec.kind.name}")
    return importer.finish()


def import_fx(module: GraphModule, example_inputs: Sequence[Any]) -> Imported:
    """Convert a functional graph of ATen operators whose nodes say what they give (``meta["val"]``).

    ``copy_`` into a placeholder is a mutation of that input. Tensors among ``example_inputs`` are what the graph is
    compiled for: their strides count.

    Raises:
        Unsupported: as for ``import_exported``.
    """
    importer = _Program("fx")
    placeholders = [node for node in module.graph.nodes if node.op == "placeholder"]
    for position, (node, example) in enumerate(zip(placeholders, example_inputs, strict=True)):
        if _is_token(node):
            importer.token(node)
        else:
            importer.user_input(node, position, example)
    nodes = _output_nodes(module)
    values = returned(importer.importer.run(module.graph, module))
    importer.written_inputs()
    importer.shared_memory(module.graph.nodes, nodes)
    for node, value in zip(nodes, values, strict=True):
        importer.result(node, value)
    return importer.finish()


def _output_nodes(module: GraphModule) -> Sequence[Any]:
    (output,) = (node for node in module.graph.nodes if node.op == "output")
    return returned(output.args[0])


def _is_token(placeholder: FxNode) -> bool:
    """Whether an input orders effects: AOTAutograd passes None there."""
    users = list(placeholder.users)
    return bool(users) and all(
        user.target is torch.ops.higher_order.with_effects and user.args[0] is placeholder for user in users
    )


class _Program:
    """Collects how a program's inputs and results belong to those of the graph."""

    def __init__(self, name: str):
        self.importer = Importer(name)
        self.inputs: dict[str, Input] = {}  # by the name of the graph's input
        self.input_of: dict[FxNode, str] = {}  # the graph's input that a placeholder is
        self.tensors: dict[FxNode, Tensor] = {}  # its value at the entry
        self.values: list[Value] = []
        self.strides: list[tuple[int, ...] | None] = []
        self.number_of: dict[FxNode, int] = {}  # the graph's output that a node is
        self.outputs: list[Output] = []
        self.mutations: list[Mutation] = []
        self.owner_of: dict[FxNode, FxNode] = {}  # for results that share memory: the node that made the memory

    def user_input(self, node: FxNode, position: int, example: Any = None) -> None:
        """An argument of the program; what is no tensor becomes part of the program."""
        value = node.meta.get("val", example)
        if isinstance(example, torch.Tensor):
            value = example
        if isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool):
            raise Unsupported(f"input {position} is a number or has a shape that is not constant")
        if isinstance(value, torch.Tensor):
            self._input(node, self.importer.input(value), Input(node.name, position=position))
        else:
            self.importer.environment[node] = value

    def token(self, node: FxNode) -> None:
        """An input without a value."""
        self.importer.environment[node] = Token()

    def held_tensor(self, node: FxNode, name: str, tensor: torch.Tensor, constant: bool) -> None:
        """A parameter, a buffer, or a constant, which may become part of the graph."""
        if constant:
            self.importer.environment[node] = self.importer.constant(tensor)
            return
        self._input(node, self.importer.input(tensor), Input(name, bound=tensor))

    def _input(self, node: FxNode, made: Tensor, input: Input) -> None:
        self.importer.environment[node] = made
        self.inputs[made.value.name] = input
        self.input_of[node] = made.value.name
        self.tensors[node] = made

    def written_inputs(self) -> None:
        """The inputs that ``copy_`` writes."""
        last = dict(self.importer.written)
        for node, value in last.items():
            self.mutations.append(Mutation(self._input_number(node), self._computed(node, value)))

    def mutation(self, mutated: FxNode, node: FxNode, value: Tensor) -> None:
        input = self._input_number(mutated)
        self.mutations.append(
            Mutation(input, Passed(self._input_number(node)) if node in self.input_of else self._computed(node, value))
        )

    def result(self, node: Any, value: Any) -> None:
        if isinstance(value, Token):
            self.outputs.append(Constant(None))
        elif not isinstance(value, Tensor):
            if not isinstance(value, int | float | bool | str | None):
                raise Unsupported(f"a result of type {type(value).__name__}")
            self.outputs.append(Constant(value))
        elif node in self.input_of and node not in dict(self.importer.written):
            self.outputs.append(Passed(self._input_number(node)))
        else:
            self.outputs.append(self._view(node) or self._part(node) or self._computed(node, value))

    def shared_memory(self, nodes: Iterable[FxNode], results: Sequence[Any]) -> None:
        """Find the results that share memory which the program makes. A result alone in its memory needs no more."""
        sharing: dict[StorageWeakRef, list[FxNode]] = {}
        for node in dict.fromkeys(one for one in results if isinstance(one, FxNode)):
            if isinstance(node.meta.get("val"), torch.Tensor):
                sharing.setdefault(StorageWeakRef(node.meta["val"].untyped_storage()), []).append(node)
        owners: dict[StorageWeakRef, FxNode] = {}
        for node in nodes:
            made = node.meta.get("val")
            if isinstance(made, torch.Tensor):
                owners.setdefault(StorageWeakRef(made.untyped_storage()), node)
        for storage, group in sharing.items():
            owner = owners[storage]
            if len(group) > 1 and owner.op == "call_function":
                self.owner_of.update((node, owner) for node in group if _lies_within(node, owner))

    def _part(self, node: FxNode) -> Part | None:
        owner = self.owner_of.get(node)
        value = self.importer.environment.get(owner) if owner is not None else None
        if owner is None or owner is node or not isinstance(value, Tensor):
            return None
        whole, part = self._computed(owner, value), node.meta["val"]
        offset = int(part.storage_offset()) - int(owner.meta["val"].storage_offset())
        return Part(whole.output, tuple(part.shape), tuple(part.stride()), offset)

    def _view(self, node: FxNode) -> View | None:
        """The result as a view of an input that the program does not write, if it is one."""
        result = node.meta["val"]
        written = dict(self.importer.written)
        for placeholder in self.input_of:
            given = placeholder.meta.get("val")
            if not isinstance(given, torch.Tensor) or placeholder in written or given.dtype != result.dtype:
                continue
            if StorageWeakRef(given.untyped_storage()) == StorageWeakRef(result.untyped_storage()):
                offset = int(result.storage_offset()) - int(given.storage_offset())
                return View(self._input_number(placeholder), tuple(result.shape), tuple(result.stride()), offset)
        return None

    def _input_number(self, node: FxNode) -> int:
        if node not in self.input_of:
            raise Unsupported("writes a constant")
        return list(self.inputs).index(self.input_of[node])

    def _computed(self, node: FxNode, value: Tensor) -> Computed:
        fake = node.meta["val"]
        if node not in self.number_of:
            self.number_of[node] = len(self.values)
            self.values.append(value.value)
            writable = has_own_places(fake.shape, fake.stride())
            self.strides.append(strides_of(fake) if writable else None)
        return Computed(self.number_of[node], fake.dtype, tuple(fake.shape), tuple(fake.stride()))

    def finish(self) -> Imported:
        for name, tensor in self.importer.bound.items():
            self.inputs[name] = Input(name, bound=tensor)
        builder = self.importer.builder
        inputs = [self.inputs[value.name] for value in builder.inputs]
        checks = []
        for value, check in self.importer.checks:
            checks.append(check(len(self.values)))
            self.values.append(value.value)
            self.strides.append(None)
        graph = _with_strides(builder.finish(self.values), self.strides)
        return Imported(graph, tuple(inputs), tuple(self.outputs), tuple(self.mutations), tuple(checks))


def _lies_within(node: FxNode, owner: FxNode) -> bool:
    """Whether a node's elements are among those of the tensor whose memory it shares."""
    part, whole = node.meta["val"], owner.meta["val"]
    if part.dtype != whole.dtype or not has_own_places(whole.shape, whole.stride()) or not part.numel():
        return False
    offset = part.storage_offset() - whole.storage_offset()
    return bool(offset >= 0 and offset + _extent(part) <= _extent(whole))


def _extent(tensor: torch.Tensor) -> int:
    return 1 + sum((int(size) - 1) * int(stride) for size, stride in zip(tensor.shape, tensor.stride()))


def _with_strides(graph: Graph, strides: Sequence[tuple[int, ...] | None]) -> Graph:
    """The graph with outputs of these strides.

    An output that is an input, or an output twice with different strides, becomes a node of its own, a copy.
    """
    made = {value.name: value for node in graph.nodes for value in node.outputs}
    chosen: dict[str, Value] = {}
    nodes, outputs = list(graph.nodes), []
    for value, wanted in zip(graph.outputs, strides):
        laid = replace(value, type=replace(value.type, strides=wanted))
        if value.name in made and chosen.setdefault(value.name, laid) == laid:
            outputs.append(laid)
            continue
        copy = Value(f"out{len(outputs)}", laid.type)
        nodes.append(Node("reshape", (value,), (copy,), (("shape", value.type.shape),)))
        outputs.append(copy)
    renewed = {name: value for name, value in chosen.items() if value != made[name]}
    if renewed:
        nodes = [
            replace(
                node,
                inputs=tuple(renewed.get(value.name, value) for value in node.inputs),
                outputs=tuple(renewed.get(value.name, value) for value in node.outputs),
            )
            for node in nodes
        ]
    return replace(graph, nodes=tuple(nodes), outputs=tuple(outputs))
