"""How large a case may be, checked from its stated types before any memory is asked for.

A generator that relies on the framework to refuse what is too large dies of the first 17 GB convolution weight: the
allocation succeeds, lazily, and the machine goes down in the first kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isqrt, log2, prod

from .arguments import Argument, Ref, references
from .case import Case
from .errors import BoundError
from .graph import Graph, Node
from .types import TensorType


@dataclass(frozen=True)
class Bounds:
    """Limits of one case.

    Attributes:
        elements: of one tensor. 2**16: sizes at which a compiler's behaviour changes (vector tails, tiles, a few cache
            lines) are far below, and float64 references of a case stay in the millisecond range.
        total: of all tensors of a case together.
        multiply_adds: of all operators together. 2**26 is about 50 ms on one core without vectorisation.
        bytes: of all tensors together, storage that strides skip included. 2**25 keeps a worker with its copies
            (inputs, float64 evaluation, compiled run) well under its memory cap.
    """

    elements: int = 2**16
    total: int = 2**20
    multiply_adds: int = 2**26
    bytes: int = 2**25


def check(program: Case | Graph, bounds: Bounds = Bounds()) -> None:
    """Check a case or graph against limits, from its stated types alone: nothing is allocated or run.

    Values without a stated type (only hand-written cases have them) count through the multiply-adds of their inputs.

    Raises:
        BoundError: naming the value or operator and both numbers.
    """
    graph = program.graph if isinstance(program, Case) else program
    elements = size = 0
    for value in graph.values.values():
        if value.type is None:
            continue
        here = footprint(value.type)
        if here > bounds.elements:
            raise BoundError(f"{value.name} has {here} elements; at most {bounds.elements} are allowed")
        elements += here
        size += here * value.type.dtype.itemsize
    if elements > bounds.total:
        raise BoundError(f"the values have {elements} elements together; at most {bounds.total} are allowed")
    if size > bounds.bytes:
        raise BoundError(f"the values take {size} bytes together; at most {bounds.bytes} are allowed")
    work = 0
    types = {value.name: value.type for value in graph.values.values() if value.type is not None}
    for node in graph.nodes:
        outputs = [value.type for value in node.outputs if value.type is not None]
        work += multiply_adds(node, types, outputs)
        if work > bounds.multiply_adds:
            raise BoundError(f"{work} multiply-adds up to {node.op}; at most {bounds.multiply_adds} are allowed")


def footprint(kind: TensorType) -> int:
    """Elements of the memory that a value of a type takes, those that its strides skip included."""
    return kind.elements if kind.strides is None else max(kind.elements, kind.storage_elements)


def multiply_adds(node: Node, types: Mapping[str, TensorType], outputs: Sequence[TensorType]) -> int:
    """An estimate, rather high than low, of an operator's multiply-adds (or comparable steps).

    ``types`` are those of the node's arguments by name, ``outputs`` those of its outputs as far as they are known.
    """
    formula = _formula(node.op)
    if formula is None:
        known = [types[name] for name in node.uses if name in types]
        return sum([kind.elements for kind in known]) + sum([kind.elements for kind in outputs])
    inputs = [types[ref.name] for ref in node.references() if ref.name in types]
    plain = sum(kind.elements for kind in inputs) + sum(kind.elements for kind in outputs)
    if not inputs:
        return plain
    return plain + formula(node, types, inputs, outputs)


@cache
def _formula(op: str) -> Formula | None:
    formula = _FORMULAS.get(op.rpartition(".")[2].rstrip("_"))
    if formula is None and op.startswith("torch.fft."):
        return _fourier
    if formula is None and op.startswith("torch.linalg."):
        return _factorisation
    return formula


def is_heavy(op: str) -> bool:
    """Whether an operator may take many more steps than its tensors have elements, or make much larger ones."""
    last = op.rpartition(".")[2].rstrip("_")
    return _formula(op) is not None or last in _PRODUCTS or last in _SQUARES


def growth(node: Node, types: Mapping[str, TensorType]) -> int:
    """An upper estimate of the elements of an operator's largest output, for operators that multiply sizes."""
    inputs = [types[ref.name] for ref in node.references() if ref.name in types]
    sizes = [max(kind.elements, 1) for kind in inputs]
    last = node.op.rpartition(".")[2].rstrip("_")
    if last in _PRODUCTS:
        return prod(sizes)
    if last in _SQUARES:
        return max(sizes, default=0) * max((max(kind.shape, default=1) for kind in inputs), default=1)
    return max(sizes, default=0)


# Outputs have as many elements as the inputs' elements multiplied together (at worst).
_PRODUCTS = frozenset(
    "outer ger kron cartesian_prod meshgrid addr block_diag tensordot einsum cdist inner matmul mm bmm".split()
)
# Outputs have as many elements as an input times its largest dimension (at worst).
_SQUARES = frozenset(
    "diag diagflat diag_embed vander combinations one_hot pdist unfold cov corrcoef repeat_interleave tril triu".split()
)

Formula = Callable[[Node, Mapping[str, TensorType], Sequence[TensorType], Sequence[TensorType]], int]


def _elements(outputs: Sequence[TensorType]) -> int:
    return max((kind.elements for kind in outputs), default=0)


def _contraction(
    node: Node, types: Mapping[str, TensorType], inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> int:
    """M·K times K·N: with a, b, o elements the contracted size is √(ab/o); batches only make that too large."""
    if not outputs:
        return _chain(node, types, inputs, outputs)
    largest = sorted((max(kind.elements, 1) for kind in inputs), reverse=True)[:2]
    result = max(_elements(outputs), 1)
    return isqrt(prod(largest) * result) + 1


def _chain(
    node: Node, types: Mapping[str, TensorType], inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> int:
    side = max((max(kind.shape, default=1) for kind in inputs), default=1)
    return sum(kind.elements for kind in inputs) * side


def _einsum(
    node: Node, types: Mapping[str, TensorType], inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> int:
    equation = node.args[0] if node.args and isinstance(node.args[0], str) else ""
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    operands = [types[ref.name] for ref in references(list(node.args[1:])) if ref.name in types]
    sizes: dict[str, int] = {}
    for term, kind in zip(terms, operands, strict=False):
        labels = term.replace("...", "")
        for label, dim in zip(labels, kind.shape[kind.rank - len(labels) :], strict=False):
            sizes[label] = max(sizes.get(label, 1), dim)
    extra = max((prod(kind.shape[: kind.rank - len(sizes)]) for kind in operands if "." in equation), default=1)
    return prod(sizes.values()) * max(extra, 1)


def _type_at(node: Node, types: Mapping[str, TensorType], position: int, keyword: str) -> TensorType | None:
    argument: Argument = node.kwargs.get(keyword, node.args[position] if len(node.args) > position else None)
    return types.get(argument.name) if isinstance(argument, Ref) else None


def _convolution(
    node: Node, types: Mapping[str, TensorType], inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> int:
    weight = _type_at(node, types, 1, "weight")
    if weight is None or not weight.rank:
        return prod(max(kind.elements, 1) for kind in inputs)
    per_place = weight.elements // max(weight.shape[0], 1)
    # Forward: each output element reads one filter. Transposed: each input element writes one.
    return max(_elements(outputs), inputs[0].elements) * max(per_place, 1)


def _attention(
    node: Node, types: Mapping[str, TensorType], inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> int:
    query, key = inputs[0], inputs[1 if len(inputs) > 1 else 0]
    rows = key.shape[-2] if key.rank > 1 else 1
    return 2 * (query.elements + _elements(outputs)) * rows


def _distances(
    node: Node, types: Mapping[str, TensorType], inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> int:
    rows = max((kind.shape[-2] for kind in inputs if kind.rank > 1), default=1)
    return max(kind.elements for kind in inputs) * rows


def _bilinear(
    node: Node, types: Mapping[str, TensorType], inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> int:
    width = inputs[0].shape[-1] if inputs[0].rank else 1
    rows = inputs[0].elements // max(width, 1)
    return rows * max(kind.elements for kind in inputs)


def _factorisation(
    node: Node, types: Mapping[str, TensorType], inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> int:
    # n³ a matrix, times a constant that covers iterative eigensolvers and the scaling of matrix exponentials
    return max(20 * kind.elements * max(kind.shape[-2:], default=1) for kind in inputs)


def _fourier(
    node: Node, types: Mapping[str, TensorType], inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> int:
    count = max(_elements(inputs), _elements(outputs), 2)
    return int(5 * count * log2(count))


def _pool(
    node: Node, types: Mapping[str, TensorType], inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> int:
    kernel = node.kwargs.get("kernel_size", node.args[1] if len(node.args) > 1 else 1)
    sides = kernel if isinstance(kernel, list | tuple) else [kernel] * 3
    return _elements(outputs) * prod(side for side in sides if isinstance(side, int))


def _recurrent(
    node: Node, types: Mapping[str, TensorType], inputs: Sequence[TensorType], outputs: Sequence[TensorType]
) -> int:
    weights = sum(kind.elements for kind in inputs[1:])
    return max(inputs[0].elements // max(inputs[0].shape[-1:] or (1,)), 1) * weights


_FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(
        "matmul mm bmm addmm baddbmm addbmm linear tensordot inner mv addmv dot vdot vecdot".split(), _contraction
    ),
    **dict.fromkeys("multi_dot chain_matmul matrix_power matrix_exp cov corrcoef kron".split(), _chain),
    "einsum": _einsum,
    **dict.fromkeys([f"conv{n}d" for n in (1, 2, 3)] + [f"conv_transpose{n}d" for n in (1, 2, 3)], _convolution),
    **dict.fromkeys("convolution conv_tbc".split(), _convolution),
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _chain,
    **dict.fromkeys("cdist pdist".split(), _distances),
    "bilinear": _bilinear,
    **dict.fromkeys(
        """
        cholesky cholesky_inverse cholesky_solve det logdet slogdet inverse pinverse svd qr geqrf orgqr ormqr lu
        lu_solve lu_unpack triangular_solve nuclear_norm lobpcg
        """.split(),
        _factorisation,
    ),
    **dict.fromkeys("stft istft".split(), _fourier),
    **dict.fromkeys(
        [f"{kind}_pool{n}d" for kind in ("max", "avg", "lp") for n in (1, 2, 3)]
        + [f"fractional_max_pool{n}d" for n in (2, 3)],
        _pool,
    ),
    **dict.fromkeys("lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell".split(), _recurrent),
}
