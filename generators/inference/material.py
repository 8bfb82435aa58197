"""Where inference starts from: trials in a file, the shipped operator records, or example arguments of a user's own."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from misfold.programs.arguments import SYMBOLS, Argument, Ref, Symbol, map_leaves
from misfold.programs.dtypes import DTYPES
from misfold.programs.errors import MisfoldError, UsageError
from misfold.programs.types import TensorType

from ..records import Record, RecordBase
from ..traces import read
from ..traces.call import DYNAMIC, Call, decode_outputs
from ..traces.executing import LEFT_OUT
from ..traces.labelling import Labeller
from ..traces.signatures import canonical
from .infer import Facts
from .partials import as_lists

Material = dict[str, list[Facts]]


def from_file(path: Path | str, only: Collection[str] | None = None) -> Material:
    """The trials in a file by function, sorted by name.

    Raises:
        UsageError: the file cannot be read, or is not one.
    """
    found: Material = {}
    for trial in read(path):
        if only is None or trial.call.function in only:
            facts = (trial.call, trial.outputs, trial.error, trial.values)
            found.setdefault(trial.call.function, []).append(facts)
    return dict(sorted(found.items()))


def from_records(base: RecordBase, only: Collection[str] | None = None) -> Material:
    """The shipped records of concrete calls, all of them valid, by function.

    Raises:
        UsageError: the file of records is damaged.
    """
    found: Material = {}
    for operator in base.operators:
        if only is None or operator in only:
            found[operator] = [_facts(record) for record in base.of(operator)]
    return found


def _facts(record: Record) -> Facts:
    types = {name: TensorType(kind.dtype, kind.shape) for name, kind in record.inputs.items()}

    def leaf(item: Argument) -> Argument:
        return types[item.name] if isinstance(item, Ref) else item

    node = record.node
    args = tuple(map_leaves(item, leaf) for item in node.args)
    kwargs = tuple(sorted((key, map_leaves(item, leaf)) for key, item in node.kwargs.items()))
    outputs = tuple(TensorType(kind.dtype, kind.shape) for kind in record.outputs)
    call = canonical(Call(node.op, args, kwargs))
    return call, outputs if node.unpack else outputs[0], "", DYNAMIC if record.dynamic else ""


def merged(parts: Iterable[Material]) -> Material:
    """Several sources as one, equal calls once."""
    found: dict[str, dict[str, Facts]] = {}
    for part in parts:
        for function, facts in part.items():
            group = found.setdefault(function, {})
            for item in facts:
                group.setdefault(item[0].text(), item)
    return {function: list(group.values()) for function, group in sorted(found.items())}


def example(function: str, text: str) -> Call:
    """A call from the text of its arguments: ``float32[2, 3], 4, mode='full', axes=(0, 1)``.

    Raises:
        UsageError: the text is not that.
    """
    try:
        tree = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or tree.func.id != "f":
            raise ValueError("not a list of arguments")
        if any(item.arg is None for item in tree.keywords):
            raise ValueError("** is not among what arguments may be")
        args = tuple(_argument(item) for item in tree.args)
        kwargs = tuple(sorted((str(item.arg), _argument(item.value)) for item in tree.keywords))
    except (SyntaxError, ValueError, RecursionError, MisfoldError) as error:
        raise UsageError(
            f"not the arguments of a call: {text!r} ({error}); write them as in: float32[2, 3], 4, mode='full'"
        ) from None
    return Call(function, args, kwargs)


def _argument(tree: ast.expr) -> Argument:
    if isinstance(tree, ast.Subscript) and isinstance(tree.value, ast.Name) and tree.value.id in DTYPES:
        items = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
        shape = [_argument(item) for item in items]
        if not all(type(dim) is int for dim in shape):
            raise ValueError("a tensor's sizes are integers")
        return TensorType.of(tree.value.id, tuple(shape))
    if isinstance(tree, ast.Tuple | ast.List):
        return tuple(_argument(item) for item in tree.elts)
    if isinstance(tree, ast.Attribute) and isinstance(tree.value, ast.Name) and tree.value.id == "torch":
        name = f"torch.{tree.attr}"
        if name in SYMBOLS:
            return Symbol(name)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        value = _argument(tree.operand)
        if type(value) in (int, float):
            return -value
    if isinstance(tree, ast.Constant) and (tree.value is None or type(tree.value) in (bool, int, float, str)):
        return tree.value
    if isinstance(tree, ast.Name) and tree.id in DTYPES:
        raise ValueError(f"{tree.id} without a shape; a tensor without dimensions is {tree.id}[()]")
    raise ValueError(f"{ast.unparse(tree)[:60]} is not a tensor type, number, string, None or list")


def functions_of(material: Material, wanted: Sequence[str]) -> Material:
    """Only some functions.

    Raises:
        UsageError: there is nothing about one of them.
    """
    missing = [name for name in wanted if not material.get(name)]
    if missing:
        raise UsageError(
            f"no call of {missing[0]} to start from; give a file of trials (misfold trace SCRIPT -o FILE, then --trials"
            " FILE) or example arguments (--example 'float32[2, 3], 4')"
        )
    return {name: material[name] for name in wanted}


#: In place of an error: the call has not been executed yet.
UNTRIED = "?untried"


def tried(material: Material, labeller: Labeller) -> Material:
    """The same with the outcomes of calls that had not been executed.

    Raises:
        UsageError: none of a function's calls runs; with the error of the first.
        TargetError: no worker can be had.
    """
    found: Material = {}
    for function, facts in material.items():
        waiting = [call for call, _, error, _ in facts if error == UNTRIED]
        known = [item for item in facts if item[2] != UNTRIED]
        for call, (error, data, note) in labeller.labels(waiting) if waiting else ():
            if not error.startswith(LEFT_OUT):
                known.append((call, None if error else decode_outputs(as_lists(data)), error, note))
            elif len(waiting) == len(facts):
                raise UsageError(f"{call}: {error.removeprefix(LEFT_OUT)}")
        if waiting and not any(not item[2] for item in known):
            raise UsageError(f"none of the calls of {function} runs: {known[0][2] if known else 'no answer'}")
        found[function] = known
    return found
