"""What an operator does to memory, told from its public name and arguments alone.

Two conservative facts per call: which argument it writes, and whether an output may be a view of an argument. They are
tables rather than look-ups in a framework, so that graphs can be analysed without one; a test compares them with what
torch does on every collected record.
"""

from __future__ import annotations

from collections.abc import Iterable

from .arguments import Ref, references
from .graph import Graph, Node

# Operators whose output shares memory with their first argument, always or for some arguments.
_VIEWS = frozenset(
    """
    adjoint alias as_strided atleast_1d atleast_2d atleast_3d broadcast_tensors broadcast_to chunk conj contiguous
    detach diagonal dsplit expand expand_as flatten hsplit meshgrid moveaxis movedim mH mT narrow permute positive
    ravel reshape reshape_as resolve_conj resolve_neg select slice_inverse split split_with_sizes squeeze swapaxes
    swapdims t tensor_split to transpose type_as unbind unflatten unfold unsafe_chunk unsafe_split
    unsafe_split_with_sizes unsqueeze view view_as vsplit view_as_real view_as_complex real imag
    bool byte char short int long half bfloat16 float double __getitem__ index
    dropout alpha_dropout feature_alpha_dropout feature_dropout dropout1d dropout2d dropout3d rrelu
    interpolate upsample pad constant_pad_nd hardtanh adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
    clip clamp round fix trunc cartesian_prod block_diag einsum tensordot tile cumulative_trapezoid
    """.split()
)
# torch.nn.functional.unfold gathers patches; only Tensor.unfold is a view.
_NOT_VIEWS = frozenset({"torch.nn.functional.unfold"})


def written_arguments(node: Node) -> tuple[str, ...]:
    """Names of the values whose memory the node writes."""
    last = node.op.rpartition(".")[2]
    names = []
    if last.endswith("_") and not last.endswith("__") and node.args and isinstance(node.args[0], Ref):
        names.append(node.args[0].name)
    if node.kwargs.get("inplace") is True and node.args and isinstance(node.args[0], Ref):
        names.append(node.args[0].name)
    if last == "batch_norm" and _is_training(node):
        # running_mean and running_var follow the input
        names += [ref.name for ref in node.args[1:3] if isinstance(ref, Ref)]
        names += [ref.name for key in ("running_mean", "running_var") for ref in references(node.kwargs.get(key))]
    if last == "instance_norm":
        names += [ref.name for ref in node.args[1:3] if isinstance(ref, Ref)]
        names += [ref.name for key in ("running_mean", "running_var") for ref in references(node.kwargs.get(key))]
    if "out" in node.kwargs:
        names += [ref.name for ref in references(node.kwargs["out"])]
    return tuple(dict.fromkeys(names))


def _is_training(node: Node) -> bool:
    # F.batch_norm(input, running_mean, running_var, weight, bias, training, ...)
    if "training" in node.kwargs:
        return node.kwargs["training"] is not False
    return len(node.args) > 5 and node.args[5] is not False


def may_be_view(node: Node) -> bool:
    """Whether an output of the node may share memory with an argument."""
    last = node.op.rpartition(".")[2]
    return bool(written_arguments(node)) or (last in _VIEWS and node.op not in _NOT_VIEWS)


def aliases(graph: Graph) -> dict[str, str]:
    """For every value one representative of all values that may share memory with it (the earliest)."""
    root: dict[str, str] = {value.name: value.name for value in graph.inputs}
    for node in graph.nodes:
        shared = [root[name] for name in node.uses] if may_be_view(node) else []
        for value in node.outputs:
            root[value.name] = shared[0] if shared else value.name
        if len(set(shared)) > 1:
            # Which argument is shared is not known: all of them become one class.
            root = {name: shared[0] if top in shared else top for name, top in root.items()}
    return root


def is_functional(nodes: Iterable[Node]) -> bool:
    """Whether no node writes the memory of an argument."""
    return not any(written_arguments(node) for node in nodes)
