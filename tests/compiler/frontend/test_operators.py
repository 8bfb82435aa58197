"""Every conversion against eager, by the graph IR's numpy evaluator."""

from __future__ import annotations

import pytest
import torch

from misfold.compiler.errors import Unsupported
from misfold.compiler.frontend.registry import conversions

from . import cases_layers, cases_matrices, cases_shapes  # noqa: F401  (they fill CASES)
from .cases import CASES, t
from .single import check_call

#: Results that eager leaves open, or whose elements it does not set.
OPEN = {
    "_embedding_bag.default": (0,),
    "_embedding_bag_forward_only.default": (0,),
    "empty.memory_format": (),
    "empty_like.default": (),
    "empty_permuted.default": (),
    "empty_strided.default": (),
    "new_empty.default": (),
    "new_empty_strided.default": (),
    "log_sigmoid_forward.default": (0,),
    "mode.default": (0,),
}

#: Overloads whose conversion only says why there is none.
REFUSED = {name for name, conversion in conversions().items() if conversion.__module__.endswith("randomness")}
REFUSED = {*REFUSED, "equal.default"} - set(CASES)


@pytest.mark.parametrize("name", sorted(CASES))
def test_conversion(name):
    for call in CASES[name]:
        args, keywords = (call[:-1], call[-1]) if isinstance(call[-1], dict) else (call, {})
        check_call(name, args, keywords, OPEN.get(name))


def test_every_conversion_has_a_case():
    assert sorted(set(conversions()) - set(CASES) - REFUSED) == []


def test_cases_are_of_conversions():
    assert sorted(set(CASES) - set(conversions())) == []


@pytest.mark.parametrize(
    ("name", "args", "keywords", "reason"),
    [
        ("bernoulli.default", (t(3),), {}, "aten.bernoulli.default: random numbers"),
        ("native_dropout.default", (t(3), 0.5, True), {}, "random numbers"),
        ("view.dtype", (t(3), torch.int32), {}, "bits of an element"),
        ("index_put.default", (t(3), [t(3, dtype=torch.bool), None][:1], t(2)), {}, "depends on data"),
        ("as_strided.default", (t(4, 4)[:, :2], [2], [3]), {}, "outside of the tensor|gaps"),
        ("mul.Tensor", (t(3).to(torch.complex64), t(3)), {}, "no tensors of torch.complex64"),
        ("_linalg_eigh.default", (t(3, 3),), {}, "aten._linalg_eigh.default: no conversion of this operator"),
        ("_linalg_det.default", (t(40, 40),), {}, "40 columns: not more than 32"),
        ("linspace.default", (0, 7, 5), {"dtype": torch.int64}, "integers"),
        ("logcumsumexp.default", (t(2000), 0), {}, "quadratic"),
    ],
)
def test_refusal_names_operator_and_reason(name, args, keywords, reason):
    with pytest.raises(Unsupported, match=reason):
        check_call(name, args, keywords)
