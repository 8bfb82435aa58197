"""Which operators a program may call.

A case file may come from a stranger, and replaying it calls what it names. So names come from an allow-list, a data
file made by ``python -m misfold.programs.operators`` from what torch itself lists as overridable, less everything that
touches files, processes, raw memory, autograd hooks or global state.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_DATA = "operators.txt"

# Public functions that make tensors: they take none, so they cannot be overridden and torch does not list them.
_CREATION = ("arange", "eye", "full", "linspace", "logspace", "ones", "tril_indices", "triu_indices", "zeros")

# Pure operators that the exclusions below would catch by accident of spelling, or that torch does not list.
_INCLUDED = (
    *(
        f"{space}.{name}"
        for space in ("torch", "torch.Tensor")
        for name in ("flipud", "movedim", "nanquantile", "quantile", "take_along_dim")
    ),
    *(f"torch.Tensor.{name}" for name in ("new_full", "new_ones", "new_zeros", "sum_to_size")),
    *(f"torch.nn.functional.{name}" for name in ("hardsigmoid", "hardswish")),
    *("torch.fill", "torch.gradient"),
)

NAMESPACES = ("torch", "torch.Tensor", "torch.nn.functional", "torch.special", "torch.linalg", "torch.fft")

# Overridable functions that are not pure tensor operators: input and output, storage and pointers, autograd and
# module state, Python objects, other devices, random state, and experiments outside the public documentation.
_EXCLUDED = re.compile(
    r"load|save|file|storage|ptr|pin_memory|numpy|tolist|item$|hook|grad|share|register|pickle|reduce_ex|dlpack|"
    r"cuda|cpu$|xpu|mps|mtia|ipu|hpu|device|to_sparse|sparse|coalesce|indices$|crow|ccol|values$|quant|mkldnn|nested|"
    r"qint|named|names|rename|refine_names|align_|__deepcopy|__dir|__repr|__format|__len|__iter|__hash|__contains|"
    r"__array|__setstate|__torch|__bool|__int__|__float|__complex|__index__$|__long__|backward|compile|import|module|"
    r"vmap|func|jvp|vjp|set_$|^set_|resize|type$|is_|_is_|get_|fork|wait|cond$|manual_seed|rng|dist_|batch_norm_(?:stats|elemt|gather|backward)|"
    r"rand|normal_$|uniform_|bernoulli_|exponential_|cauchy_|geometric_|log_normal|random_|empty|retain|sym_|"
    r"map_$|map2_|apply_|symeig|solve_triangular_|cudnn|miopen|fbgemm|choose_qparams|fused_moving|fake_quant|"
    r"data_|^data$|^stride$|autocast|^q_|^qscheme|int_repr|dim$|ndim|size$|numel|nelement|element_size|version|requires|output_nr|detach_|"
    r"unravel_index_|to_padded|dense_dim|has_|layout|imag|real$|names|volatile|record|untyped|module_load",
)


@cache
def operator_names() -> frozenset[str]:
    """Every name that a graph may call."""
    lines = files(__package__).joinpath(_DATA).read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def is_operator(name: str) -> bool:
    """Whether a graph may call ``name``."""
    return name in operator_names()


def collect() -> list[str]:
    """The allow-list as made from the installed torch."""
    import types
    import warnings

    import torch
    from torch.overrides import get_overridable_functions, resolve_name

    warnings.simplefilter("ignore")
    names = {f"torch.{name}" for name in _CREATION} | set(_INCLUDED)
    for functions in get_overridable_functions().values():
        for function in functions:
            name = resolve_name(function)
            if name is None or isinstance(function, types.GetSetDescriptorType):
                continue
            space, _, last = name.replace("torch.functional.", "torch.").rpartition(".")
            magic = last.startswith("__") and last not in ("__getitem__",)
            if space not in NAMESPACES or magic or (last.startswith("_") and last != "__getitem__"):
                continue
            if not _EXCLUDED.search(last):
                names.add(f"{space}.{last}")
    # Overridable functions list a method and a function of one name under either; methods are what programs read like.
    for name in list(names):
        last = name.rpartition(".")[2]
        for space, owner in (("torch", torch), ("torch.Tensor", torch.Tensor)):
            if callable(getattr(owner, last, None)) and name.rpartition(".")[0] in ("torch", "torch.Tensor"):
                names.add(f"{space}.{last}")
    return sorted(names)


if __name__ == "__main__":
    print("# Operators that a program may call. Made by: python -m misfold.programs.operators")
    print("\n".join(collect()))
