"""How fast and how good the program generator is, in one process.

    python -m benchmarks.generation --nodes 10 --count 300 --seconds 10 [--source records|hybrid|rules]

Prints one JSON object as its last line:

Speeds are per second of processor time, so that other work on the machine counts less.

- ``graphs_per_second``: cases made, each executed while it is made and once more as a whole;
- ``cases_per_second``: the same with the inputs drawn again from the case and the reference (eager's outputs and
  gradients) computed, as a campaign needs them;
- ``valid_fraction``, ``finite_fraction``: of ``--count`` cases read back from their text and run by eager: those that
  run and have the types stated, and those whose outputs and gradients hold no NaN or infinity;
- ``operators``: distinct operators in these cases;
- ``typed_signatures_per_200``: distinct (operator, types of its inputs, with shapes) in 200 graphs, on average;
- ``signatures_per_200``: the same with element types and ranks alone;
- ``single_element_fraction``: of all operators' outputs, those of one element.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
import warnings
from collections.abc import Iterator

import torch

from misfold.generators.calling import type_of
from misfold.generators.generator import Generator
from misfold.generators.options import SOURCE, SOURCES, Options
from misfold.programs.case import Case, parse_case
from misfold.targets.torch_values import gradients, make_inputs, to_function

BLOCK = 200
WARM_UP = 400


def reference(case: Case) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Outputs and gradients by eager, from fresh inputs."""
    inputs = make_inputs(case)
    with torch.set_grad_enabled(case.gradient):
        outputs = list(to_function(case.graph)(*inputs))
    found = gradients(outputs, inputs) if case.gradient else []
    return outputs, [item for item in found if item is not None]


def rerun(text: str) -> tuple[bool, bool]:
    """Whether a case's text runs with the types that it states, and whether all that comes out is finite."""
    case = parse_case(text)
    try:
        outputs, found = reference(case)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, AssertionError) as error:
        print(f"invalid: {error}\n{text}", file=sys.stderr)
        return False, False
    stated = [case.graph.values[name].known for name in case.graph.returns]
    if [type_of(tensor) for tensor in outputs] != stated:
        print(f"other types than stated\n{text}", file=sys.stderr)
        return False, False
    finite = all(bool(torch.isfinite(tensor).all()) for tensor in [*outputs, *found])
    return True, finite


def typed_signatures(case: Case) -> Iterator[tuple[str, ...]]:
    """(operator, types of its inputs) of every node."""
    for node in case.graph.nodes:
        yield (node.op, *(str(case.graph.values[name].type) for name in node.uses))


def signatures(case: Case) -> Iterator[tuple[str, ...]]:
    """(operator, element types and ranks of its inputs) of every node."""
    for node in case.graph.nodes:
        kinds = [case.graph.values[name].known for name in node.uses]
        yield (node.op, *(f"{kind.dtype}/{kind.rank}" for kind in kinds))


def per_block(blocks: list[set[tuple[str, ...]]], count: int) -> float:
    """Mean size of the sets of whole blocks; of the one that there is if none is whole."""
    whole = blocks[: count // BLOCK] or blocks
    return round(sum(map(len, whole)) / len(whole), 1)


def rate(generator: Generator, seed: int, seconds: float, complete: bool) -> float:
    """Cases per second of processor time; ``complete``: with inputs and reference."""
    start = time.process_time()
    count = 0
    while time.process_time() - start < seconds:
        case = generator.case(seed, count)
        if complete:
            reference(case)
        count += 1
    return count / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=10, help="operators per graph when measuring speed")
    parser.add_argument("--range", type=int, nargs=2, default=None, help="operators per graph when measuring quality")
    parser.add_argument("--count", type=int, default=300, help="cases run again to measure quality")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to measure each of the two speeds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--source", choices=tuple(SOURCES), default=SOURCE)
    arguments = parser.parse_args()
    share = SOURCES[arguments.source]
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")

    generator = Generator(Options(min_nodes=arguments.nodes, max_nodes=arguments.nodes, rules=share))
    # The first calls of operators are slow, and torch imports dynamo (seconds) at the first backward pass of some.
    for index in range(WARM_UP):
        reference(generator.case(arguments.seed + 1, index))
    # As in a campaign's workers: what is loaded stays, and need not be looked through for garbage.
    gc.collect()
    gc.freeze()
    graphs = rate(generator, arguments.seed, arguments.seconds, False)
    cases = rate(generator, arguments.seed, arguments.seconds, True)

    low, high = arguments.range or (arguments.nodes, arguments.nodes)
    quality = Generator(Options(min_nodes=low, max_nodes=high, rules=share))
    valid = finite = 0
    operators: set[str] = set()
    blocks: list[set[tuple[str, ...]]] = []
    typed: list[set[tuple[str, ...]]] = []
    outputs = single = 0
    for index in range(arguments.count):
        case = quality.case(arguments.seed + 2, index)
        runs, is_finite = rerun(case.text)
        valid += runs
        finite += is_finite
        operators.update(case.graph.operators)
        if index % BLOCK == 0:
            blocks.append(set())
            typed.append(set())
        blocks[-1].update(signatures(case))
        typed[-1].update(typed_signatures(case))
        sizes = [value.known.elements for node in case.graph.nodes for value in node.outputs]
        outputs += len(sizes)
        single += sizes.count(1)
    result = {
        "source": arguments.source,
        "graphs_per_second": round(graphs, 1),
        "cases_per_second": round(cases, 1),
        "valid_fraction": valid / arguments.count,
        "finite_fraction": finite / arguments.count,
        "operators": len(operators),
        "signatures_per_200": per_block(blocks, arguments.count),
        "typed_signatures_per_200": per_block(typed, arguments.count),
        "single_element_fraction": single / outputs,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
