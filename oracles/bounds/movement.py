"""Elements that are copied, arranged or left as they are: errors go where elements go."""

from __future__ import annotations

from typing import Any

import torch

from .precision import UNDERFLOW, UNIT
from .registry import Applied, rule
from .shadow import Shadow, Undecided, denormal_error, unknown

#: Operators that arrange, copy and select elements by place, as ``aten`` calls them.
_ARRANGING = """
    alias_copy as_strided_copy as_strided_scatter block_diag cat channel_shuffle clone col2im_copy constant_pad_nd
    contiguous detach_copy diag diag_embed diagonal_copy diagonal_scatter embedding expand_copy fill flip gather
    im2col index index_copy index_fill index_put index_select lift lift_fresh_copy masked_scatter masked_select
    narrow_copy native_channel_shuffle permute_copy pixel_shuffle pixel_unshuffle put reflection_pad1d
    reflection_pad2d reflection_pad3d repeat replication_pad1d replication_pad2d replication_pad3d roll rot90 scatter
    select_copy select_scatter slice_copy slice_scatter split_copy split_with_sizes_copy squeeze_copy stack t_copy take
    transpose_copy tril triu unbind_copy unfold_copy unsafe_split unsafe_split_with_sizes unsqueeze_copy
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    _upsample_nearest_exact3d view_copy _unsafe_view _unsafe_index _unsafe_masked_index _reshape_copy unfold
    resolve_conj resolve_neg conj_physical max_unpool2d max_unpool3d positive
""".split()
#: Operands that say where elements go. What is undecided in them leaves everything undecided.
_PLACES = frozenset("index indices mask condition repeats".split())
#: Operators whose rule takes operands of which nothing is known, because the rest of the result may be known.
MOVING = frozenset(_ARRANGING) | {"where", "masked_fill", "copy", "zero", "zeros_like", "ones_like", "full_like",
    "new_zeros", "new_full", "new_ones", "empty_like", "new_empty", "new_empty_strided"}  # fmt: skip


def _accumulates(call: Applied) -> bool:
    if call.name in ("index_put", "put"):
        return call.get(3, "accumulate", False) is True
    return call.name == "scatter" and call.overload in ("reduce", "value_reduce")


def _numbers(call: Applied) -> list[float]:
    """Constants that a call puts among the elements."""
    found = []
    for position, item in enumerate(call.function._schema.arguments):
        value = call.get(position, item.name)
        if str(item.type) in ("number", "Scalar", "float") and isinstance(value, float | int):
            found.append(float(value))
    return found


def constant_error(value: torch.Tensor, error: torch.Tensor | None, numbers: list[float], dtype: torch.dtype) -> Any:
    """Errors with those of constants that the type does not hold, which are rounded when they get there."""
    for number in numbers:
        if dtype in UNIT and number == number and float(torch.tensor(number, dtype=torch.float64).to(dtype)) != number:
            error = torch.zeros_like(value) if error is None else error
            error = torch.where(value == number, error + abs(number) * UNIT[dtype] + UNDERFLOW[dtype], error)
    return error


@rule(*_ARRANGING)
def arranged(call: Applied) -> list[Shadow]:
    """The same call arranges values and errors."""
    if _accumulates(call):
        raise Undecided(f"{call.name} accumulates")
    schema = call.function._schema.arguments
    places: list[Shadow] = []
    data: list[Shadow] = []
    for position, item in enumerate(schema):
        value = call.get(position, item.name)
        entries = value if isinstance(value, list | tuple) else [value]
        (places if item.name in _PLACES else data).extend(entry for entry in entries if isinstance(entry, Shadow))
    if any(item.error is not None and bool((item.error > 0).any()) for item in places):
        raise Undecided(f"{call.name} chooses by undecided elements")
    kinds = {item.value.dtype for item in data}
    dtype = call.dtype
    if len(kinds) > 1 and dtype.is_floating_point:
        results = call.call(lambda item: item.value if item in places else item.wide())
    else:
        results = call.call(lambda item: item.value)
    numbers = _numbers(call)
    errors: list[torch.Tensor | None] = [None] * len(results)
    if any(item.error is not None for item in data):
        errors = list(_errors(call, places))
    return [
        Shadow(value, constant_error(value, error, numbers, own.dtype), own.dtype)
        for value, error, own in zip(results, errors, call.own)
    ]


def _errors(call: Applied, places: list[Shadow]) -> list[torch.Tensor]:
    schema = call.function._schema.arguments

    def change(item: Shadow) -> torch.Tensor:
        if any(item is place for place in places):
            return item.value
        return torch.zeros(item.shape, dtype=torch.float64) if item.error is None else item.error

    def argument(value: Any, kind: str) -> Any:
        from .registry import substitute

        if kind in ("number", "Scalar", "float") and isinstance(value, float | int):
            return 0.0
        return substitute(value, change)

    kinds = [str(item.type) for item in schema]
    names = {item.name: str(item.type) for item in schema}
    args = [argument(value, kind) for value, kind in zip(call.args, kinds)]
    kwargs = {key: argument(value, names.get(key, "")) for key, value in call.kwargs.items()}
    result = call.function(*args, **kwargs)
    return [result] if isinstance(result, torch.Tensor) else list(result)


@rule("arange", "eye", "full", "ones", "zeros", "tril_indices", "triu_indices", "zeros_like", "ones_like", "full_like",
      "new_zeros", "new_full", "new_ones", "scalar_tensor", "zero", "_efficientzerotensor", "lift_fresh")  # fmt: skip
def made(call: Applied) -> list[Shadow]:
    """Constants: what eager made, as far as it is exact; the rest may be rounded differently."""
    own = call.own[0].detach()
    if not own.is_floating_point():
        return [Shadow(own.clone(), None, own.dtype)]
    value = own.double()
    if call.name == "arange":
        # start + i·step, in float64 or in the type
        whole = bool((value == value.round()).all()) and all(
            float(item).is_integer() for item in call.args if isinstance(item, int | float)
        )
        error = None if whole else (value.abs() + value.abs().max()) * (4 * UNIT[own.dtype]) if value.numel() else None
        return [Shadow(value, error, own.dtype)]
    if call.name in ("full", "full_like", "new_full", "scalar_tensor"):
        number = next((item for item in (*reversed(call.args), *call.kwargs.values())
                       if isinstance(item, float)), None)  # fmt: skip
        if number is not None and number == number and number not in (float("inf"), float("-inf")):
            value = torch.full(own.shape, number, dtype=torch.float64)
            return [Shadow(value, constant_error(value, None, [number], own.dtype), own.dtype)]
    return [Shadow(value, denormal_error(value, own.dtype), own.dtype)]


@rule("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "empty_permuted")
def unset(call: Applied) -> list[Shadow]:
    """Memory that nobody has written."""
    return [unknown(call.own[0], "memory that was not written")]


@rule("copy")
def copied(call: Applied) -> Shadow:
    """Elements of the source, in the type of the memory."""
    from .casts import converted

    source = call.args[1]
    shape = call.own[0].shape
    error = None if source.error is None else source.error.expand(shape)
    return converted(Shadow(source.value.expand(shape), error, source.dtype, source.lost), call.own[0].dtype)


@rule("where")
def chosen(call: Applied) -> Shadow:
    """Either side; where the condition is undecided, both."""
    condition, left, right = call.args[0], call.args[1], call.args[2]
    return choose(condition, left, right, call.own[0])


def choose(condition: Shadow, left: Any, right: Any, own: torch.Tensor) -> Shadow:
    """``where`` on shadows or numbers."""
    dtype = own.dtype
    values, errors = [], []
    for item in (left, right):
        if isinstance(item, Shadow):
            values.append(item.wide() if dtype.is_floating_point else item.value)
            errors.append(item.error)
        else:
            value = torch.tensor(item, dtype=torch.float64 if dtype.is_floating_point else dtype)
            values.append(value)
            errors.append(constant_error(value, None, [float(item)], dtype))
    truth = condition.value.bool()
    value = torch.where(truth, values[0], values[1])
    if not dtype.is_floating_point:
        value = value.to(dtype)
    error = None
    if errors[0] is not None or errors[1] is not None:
        zero = torch.zeros((), dtype=torch.float64)
        error = torch.where(truth, zero if errors[0] is None else errors[0], zero if errors[1] is None else errors[1])
    if condition.error is not None:
        open_ = (condition.error > 0).expand(value.shape)
        if bool(open_.any()):
            error = torch.zeros(value.shape, dtype=torch.float64) if error is None else error
            if dtype.is_floating_point:
                both = (values[0] - values[1]).abs()
                for item in errors:
                    both = both if item is None else both + item
                both = both.nan_to_num(float("inf"), float("inf"), float("inf")).expand(value.shape)
                error = torch.where(open_, torch.maximum(error, both), error)
            else:
                error = torch.where(open_, float("inf"), error)
    return Shadow(value, error, dtype)


@rule("masked_fill")
def filled(call: Applied) -> Shadow:
    """``where`` by another name."""
    return choose(call.args[1], call.args[2], call.args[0], call.own[0])
