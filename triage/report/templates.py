"""The projects for which there is a template."""

from __future__ import annotations

from misfold.programs.errors import UsageError

from . import onnxruntime, plain, pytorch, tvm
from .template import Template

TEMPLATES: dict[str, Template] = {one.TEMPLATE.name: one.TEMPLATE for one in (pytorch, tvm, onnxruntime, plain)}
#: The project that gets a target's bugs unless a person says otherwise; ``plain`` for targets not named here.
USUAL = {"inductor": "pytorch", "eager": "pytorch", "tvm": "tvm", "onnxruntime": "onnxruntime"}


def template_for(target: str, name: str | None = None) -> Template:
    """The template called ``name``, or the usual one for a target.

    Raises:
        UsageError: there is none of this name, or it is not for this target's bugs.
    """
    name = name or USUAL.get(target, "plain")
    if name not in TEMPLATES:
        raise UsageError(f"no template for {name!r}; there are: {', '.join(TEMPLATES)}")
    template = TEMPLATES[name]
    if template.targets and target not in template.targets:
        raise UsageError(
            f"a bug of {target} is none of {template.project}'s; try --for {USUAL.get(target, 'plain')} or --for plain"
        )
    return template
