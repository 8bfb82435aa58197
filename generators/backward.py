"""Growing a program backwards: an operator in front of an input makes what the input was."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from misfold.targets.torch_values import make_tensor

from .building import Builder, Live
from .calling import renamed
from .placing import Choice, Placement, Placer, bind
from .records import Record

# Only an input that may hold any value of a range can be replaced by an operator's output.
_OPEN = ("normal", "bernoulli", "integers")


# How many ways to make a value of the wanted type are looked at.
_LOOKED_AT = 12


def put_in_front(builder: Builder, placer: Placer, pick: Callable[[], Choice | None], random: Random) -> Builder | None:
    """A program in which one more operator makes, from fresh inputs, what was an input so far; None if none was found.

    ``pick`` draws a way to call an operator. Everything is executed again, since values are others now.
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
    for _ in range(_LOOKED_AT):
        choice = pick()
        if choice is None or target.type.dtype.name not in choice.dtypes:
            continue
        record = choice.record
        wanted = record.outputs[0]
        if record.writes or record.dynamic or (wanted.dtype, wanted.rank) != (target.type.dtype, target.type.rank):
            continue
        grown = _grown(builder, placer, record, target, random, bool(tainted))
        if grown is not None:
            return grown
    return None


def _grown(
    builder: Builder, placer: Placer, record: Record, target: Live, random: Random, written: bool
) -> Builder | None:
    placement = _towards(record, target)
    if placement is None:
        return None
    grown = Builder(builder.bounds, builder.finite, count=builder.count)
    inner = Placer(grown, random, placer.options, placer.mode, placer.allowed)
    chosen = {}
    for name in record.inputs:
        live = inner.fresh(record, name, placement.type(name), placement.recipe(name), False)
        if live is None:
            return None
        chosen[name] = live
    outputs = inner.run(record, chosen)
    if outputs is None or outputs[0].type != target.type:
        return None
    return grown if _replay(builder, grown, target, outputs[0], written) else None


def _towards(record: Record, target: Live) -> Placement | None:
    """Sizes under which the record's first output should have the target's shape; execution decides if it does."""
    if record.pointwise:
        return Placement(record, {}, target.type.shape)
    sizes = bind(record, record.outputs[0].shape, target.type.shape)
    return None if sizes is None else Placement(record, sizes)


def _replay(old: Builder, new: Builder, target: Live, made: Live, written: bool) -> bool:
    """Repeat a program with ``made`` for ``target``; False if something refuses or turns out to be another type."""
    names = {target.name: made.name}
    for live in old.values:
        if live.recipe is None or live is target or not live.uses:
            continue
        # Inputs that were written have to be made again.
        tensor = live.tensor
        if written:
            tensor = make_tensor(live.recipe, live.type.shape, live.type.dtype.name, live.type.strides)
        names[live.name] = new.adopt(tensor, live.type, live.recipe).name

    for node in old.nodes:
        kwargs = {key: renamed(item, names) for key, item in node.kwargs.items()}
        outputs = new.apply(node.op, renamed(node.args, names), kwargs)
        if outputs is None or [live.type for live in outputs] != [value.type for value in node.outputs]:
            return False
        names.update(zip((value.name for value in node.outputs), (live.name for live in outputs)))
    return True
