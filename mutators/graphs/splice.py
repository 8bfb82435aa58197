"""Another program behind."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from misfold.programs.case import Case

from .mutator import Edit, GraphMutator
from .rebuilding import Rebuild
from .signatures import Signatures

#: So many calls of a donor are taken at most.
_NODES = 8
#: Inputs of these kinds may be any values of a range.
_OPEN = ("normal", "bernoulli", "uniform", "integers")


class Splice(GraphMutator):
    """Runs a piece of a donor on values of the program: those of the same type as what the donor takes, or one that is
    adapted to it; the rest are new inputs."""

    name = "splice"

    def edit(self, case: Case, random: Random, signatures: Signatures, donors: Sequence[Case] = ()) -> Edit | None:
        if not donors:
            return None
        donor = random.choice(donors)
        nodes = donor.graph.nodes
        first = random.randrange(len(nodes))
        piece = nodes[first : first + random.randint(1, _NODES)]
        made = {value.name for node in piece for value in node.outputs}
        taken = dict.fromkeys(name for node in piece for name in node.uses if name not in made)

        def finish(rebuild: Rebuild) -> bool:
            inner = Rebuild(donor, random, rebuild.builder.bounds)
            inner.builder, inner.adapter = rebuild.builder, rebuild.adapter
            connected = False
            for name in taken:
                kind = donor.graph.values[name].known
                recipe = donor.recipes.get(name, {"draw": "normal"})
                produced = [live for live in rebuild.builder.usable() if live.recipe is None]
                one = None
                if recipe["draw"] in _OPEN and produced:
                    same = [live for live in rebuild.similar(kind) if live.recipe is None]
                    if same:
                        one = rebuild.fit(random.choice(same), kind, recipe)
                    elif not connected:
                        one = rebuild.fit(random.choice(produced), kind, recipe)
                connected |= one is not None
                if one is None and name in donor.recipes:
                    plain = {key: value for key, value in recipe.items() if key != "requires_grad"}
                    one = rebuild.builder.add_input(kind, plain)
                one = one or rebuild.fresh(kind)
                if one is None:
                    return False
                inner.live[name] = one
            for node in piece:
                outputs = inner.run(node)
                if outputs is None or len(outputs) != len(node.outputs):
                    break
                inner.bind(node, outputs)
                rebuild.more += outputs
            rebuild.more = [live for live in rebuild.more if not live.uses]
            return bool(rebuild.more)

        return Edit(finish=finish)
