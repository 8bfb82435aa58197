"""Growing a program backwards: an operator in front of an input makes what the input was."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from misfold.targets.torch_values import tensor_of

from .building import Builder, Live
from .calling import renamed
from .placing import Choice, Placer
from .pool import Turn, Turns

# Only an input that may hold any value of a range can be replaced by an operator's output.
_OPEN = ("normal", "bernoulli", "integers")


# How many operators are looked at for one that makes a value of the wanted type.
_LOOKED_AT = 12


def put_in_front(
    builder: Builder, placer: Placer, turns: Turns, choose: Callable[[Turn], Choice | None], random: Random
) -> Builder | None:
    """A program in which one more operator makes, from fresh inputs, what was an input so far; None if none was found.

    The operator is the first one of those next in turn that can; its turn is taken. ``choose`` says how an operator is
    called. Everything is executed again, since values are others now.
    """
    tainted = builder.tainted()
    targets = [
        live
        for live in builder.values
        if live.recipe is not None
        and live.uses
        and live.recipe["draw"] in _OPEN
        and live.tensor.untyped_storage().data_ptr() not in tainted
    ]
    if not targets:
        return None
    target = random.choice(targets)
    for turn in turns.ahead(_LOOKED_AT):
        choice = choose(turn)
        if choice is None or not choice.makes(target.type):
            continue
        grown = Builder(builder.bounds, builder.finite)
        inner = Placer(grown, random, placer.options, placer.mode, placer.allowed, placer.calls)
        outputs = choice.in_front(inner, target.type)
        if outputs is None or outputs[0].type != target.type:
            continue
        if _replay(builder, grown, target, outputs[0], bool(tainted)):
            turns.take(turn)
            return grown
    return None


def _replay(old: Builder, new: Builder, target: Live, made: Live, written: bool) -> bool:
    """Repeat a program with ``made`` for ``target``; False if something refuses or turns out to be another type."""
    names = {target.name: made.name}
    for live in old.values:
        if live.recipe is None or live is target or not live.uses:
            continue
        # Inputs that were written have to be made again.
        tensor = tensor_of(live.recipe, live.type) if written else live.tensor
        names[live.name] = new.adopt(tensor, live.type, live.recipe).name

    for node in old.nodes:
        kwargs = {key: renamed(item, names) for key, item in node.kwargs.items()}
        outputs = new.apply(node.op, renamed(node.args, names), kwargs)
        if outputs is None or [live.type for live in outputs] != [value.type for value in node.outputs]:
            return False
        names.update(zip((value.name for value in node.outputs), (live.name for live in outputs)))
    return True
