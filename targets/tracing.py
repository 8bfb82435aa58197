"""``torch.export`` and its decompositions in one trace instead of four.

``torch.export.export`` followed by ``run_decompositions`` runs a program four times over fake tensors: twice each, once
to learn what it writes and once to record it. A program that is a plain function of tensors, with every input it
writes copied before, can be recorded decomposed and functional at once. The graph is the same but for few operators
(on 250 generated programs of five operators 3 % differed, all by another decomposition or a constant's place; a quarter
of the time), so this serves to look for programs that fail, which are then compiled in the way users do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from .exporting import split_core_table


class Unfit(Exception):
    """The program has something that one trace does not express as ``torch.export`` does."""


def traced(function: Callable[..., Any], inputs: Sequence[torch.Tensor]) -> Any:
    """An ExportedProgram of a function that writes none of its inputs, in core operators.

    Raises:
        Unfit: the program holds constants, or returns something that is not a tensor.
        Exception: whatever torch raises; also where this version of torch does not have the internal functions that
            are used here. The long way then has the last word.
    """
    from torch._subclasses import FakeTensorMode
    from torch._subclasses.functional_tensor import FunctionalTensorMode, dispatch_functionalize
    from torch.export.exported_program import _override_composite_implicit_decomp  # type: ignore[attr-defined]
    from torch.fx.experimental.proxy_tensor import make_fx

    composite, table = split_core_table()
    mode = FakeTensorMode(allow_non_fake_inputs=True, export=True)
    with torch.no_grad(), _override_composite_implicit_decomp(dict(composite)):
        fakes = [mode.from_tensor(tensor) for tensor in inputs]
        functional = dispatch_functionalize(lambda *tensors: function(*tensors), FunctionalTensorMode(export=True))
        with mode:
            module = make_fx(
                functional, decomposition_table=table, tracing_mode="real", _allow_non_fake_inputs=True
            )(*fakes)  # fmt: skip
    module.graph.eliminate_dead_code()
    return _exported(module, fakes)


def _exported(module: torch.fx.GraphModule, inputs: Sequence[torch.Tensor]) -> Any:
    from torch.export import ExportedProgram
    from torch.export.exported_program import ModuleCallEntry
    from torch.export.graph_signature import (
        ExportGraphSignature,
        InputKind,
        InputSpec,
        OutputKind,
        OutputSpec,
        TensorArgument,
    )

    takes, gives = [], []
    for node in module.graph.nodes:
        if node.op == "placeholder":
            takes.append(InputSpec(InputKind.USER_INPUT, TensorArgument(node.name), None))
        elif node.op == "get_attr":
            raise Unfit("the program holds a constant")
        elif node.op == "output":
            for result in node.args[0]:
                if not isinstance(result, torch.fx.Node):
                    raise Unfit("an output is no tensor")
                gives.append(OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(result.name), None))
    return ExportedProgram(
        root=module,
        graph=module.graph,
        graph_signature=ExportGraphSignature(takes, gives),
        state_dict={},
        range_constraints={},
        module_call_graph=[ModuleCallEntry("", None)],
        example_inputs=(tuple(inputs), {}),
    )
