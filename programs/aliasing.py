"""What an operator does to memory, told from its public name and arguments alone.

Two conservative facts per call: which argument it writes, and whether an output may be a view of an argument. They are
tables rather than look-ups in a framework, so that graphs can be analysed without one; a test compares them with what
torch does on every collected record.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from .arguments import Argument, Ref, references
from .graph import Graph, Node

# Operators whose output shares memory with their first argument, always or for some arguments.
_VIEWS = frozenset(
    """
    adjoint alias as_strided atleast_1d atleast_2d atleast_3d broadcast_tensors broadcast_to chunk conj contiguous
    detach diagonal dsplit expand expand_as flatten hsplit meshgrid moveaxis movedim mH mT narrow permute positive
    ravel reshape reshape_as resolve_conj resolve_neg select slice_inverse split split_with_sizes squeeze swapaxes
    swapdims t tensor_split to transpose type_as unbind unflatten unfold unsafe_chunk unsafe_split
    unsafe_split_with_sizes unsqueeze view view_as vsplit view_as_real view_as_complex real imag
    conj_physical bool byte char short int long half bfloat16 float double __getitem__ index
    dropout alpha_dropout feature_alpha_dropout feature_dropout dropout1d dropout2d dropout3d rrelu
    interpolate upsample pad constant_pad_nd hardtanh adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    clip clamp round fix trunc cartesian_prod block_diag einsum tensordot tile cumulative_trapezoid
    """.split()
)
# torch.nn.functional.unfold gathers patches; only Tensor.unfold is a view.
_NOT_VIEWS = frozenset({"torch.nn.functional.unfold"})
# Operators of several tensors any of which the output may share; the others share their first argument alone.
_JOINS = frozenset(
    "atleast_1d atleast_2d atleast_3d broadcast_tensors meshgrid cartesian_prod block_diag einsum tensordot".split()
)
# Operators whose outputs are views of one new tensor.
_SHARED_OUTPUTS = frozenset({"nonzero", "unravel_index"})

# Where the flag ``inplace`` stands in functions of torch.nn.functional that have one.
_INPLACE_AT = {
    **dict.fromkeys("relu relu6 selu silu mish hardswish hardsigmoid".split(), 1),
    **dict.fromkeys("elu celu leaky_relu".split(), 2),
    **dict.fromkeys("hardtanh threshold dropout dropout1d dropout2d dropout3d".split(), 3),
    **dict.fromkeys("alpha_dropout feature_alpha_dropout".split(), 3),
    "rrelu": 4,
}
# Normalisations that move running statistics along: positions of the mean, the variance, the flag for training.
_STATISTICS = {
    "torch.nn.functional.batch_norm": (1, 2, 5),
    "torch.nn.functional.instance_norm": (1, 2, 5),
    "torch.batch_norm": (3, 4, 5),
    "torch.instance_norm": (3, 4, 5),
    "torch.native_batch_norm": (3, 4, 5),
    "torch.batch_norm_update_stats": (1, 2, None),
}
# Look-ups that, given a ``max_norm``, renormalise the rows they look up: positions of the weight and of max_norm.
_RENORMALISING = {"torch.nn.functional.embedding": (1, 3), "torch.nn.functional.embedding_bag": (1, 3)}


@cache
def _never_writes(op: str) -> bool:
    """Whether no call of the operator writes, but for ``out``."""
    last = op.rpartition(".")[2]
    in_place = last.endswith("_") and not last.endswith("__")
    return not (in_place or last in _INPLACE_AT or op in _STATISTICS or op in _RENORMALISING)


def written_arguments(node: Node) -> tuple[str, ...]:
    """Names of the values whose memory the node writes, or may write."""
    if _never_writes(node.op) and "out" not in node.kwargs:
        return ()
    last = node.op.rpartition(".")[2]
    names: list[str] = []
    first = node.args[0] if node.args else node.kwargs.get("input")
    if isinstance(first, Ref):
        in_place = last.endswith("_") and not last.endswith("__")
        flagged = _at(node, _INPLACE_AT.get(last, len(node.args)), "inplace") is True
        if in_place or flagged:
            names.append(first.name)
    if node.op in _STATISTICS:
        mean, variance, flag = _STATISTICS[node.op]
        if flag is None or _trains(node, flag):
            for position, keyword in ((mean, "running_mean"), (variance, "running_var")):
                names += [ref.name for ref in references(_at(node, position, keyword))]
    if node.op in _RENORMALISING:
        weight, norm = _RENORMALISING[node.op]
        if _at(node, norm, "max_norm") is not None:
            names += [ref.name for ref in references(_at(node, weight, "weight"))]
    if "out" in node.kwargs:
        names += [ref.name for ref in references(node.kwargs["out"])]
    return tuple(dict.fromkeys(names))


def _at(node: Node, position: int, keyword: str) -> Argument:
    """An argument by keyword or position, None if it is not given."""
    if keyword in node.kwargs:
        return node.kwargs[keyword]
    return node.args[position] if len(node.args) > position else None


def _trains(node: Node, position: int) -> bool:
    instance = node.op.endswith("instance_norm")
    value = _at(node, position, "use_input_stats" if instance else "training")
    # instance_norm uses the input's statistics unless told otherwise, batch_norm the running ones.
    return value is True or (instance and value is None)


def may_be_view(node: Node) -> bool:
    """Whether an output of the node may share memory with an argument."""
    last = node.op.rpartition(".")[2]
    return bool(written_arguments(node)) or (last in _VIEWS and node.op not in _NOT_VIEWS)


def _shared_arguments(node: Node) -> tuple[str, ...]:
    """Names of the values whose memory an output of the node may share."""
    if not may_be_view(node):
        return ()
    written = written_arguments(node)
    if written:
        return written
    first = node.args[0] if node.args else node.kwargs.get("input")
    if isinstance(first, Ref) and node.op.rpartition(".")[2] not in _JOINS:
        return (first.name,)
    return node.uses


def aliases(graph: Graph) -> dict[str, str]:
    """For every value one representative of all values that may share memory with it (the earliest)."""
    root: dict[str, str] = {value.name: value.name for value in graph.inputs}
    for node in graph.nodes:
        shared = [root[name] for name in _shared_arguments(node)]
        together = node.op.rpartition(".")[2] in _SHARED_OUTPUTS
        for value in node.outputs:
            root[value.name] = shared[0] if shared else node.outputs[0].name if together else value.name
        if len(set(shared)) > 1:
            # Which argument is shared is not known: all of them become one class.
            root = {name: shared[0] if top in shared else top for name, top in root.items()}
    return root


def is_functional(nodes: Iterable[Node]) -> bool:
    """Whether no node writes the memory of an argument."""
    return not any(written_arguments(node) for node in nodes)
