"""Hypothesis strategies for everything that the language can express, sensible or not.

A graph made here need not run: it exercises the text forms, so it holds every kind of argument in every place.
"""

from __future__ import annotations

from hypothesis import strategies as st

from misfold.programs.arguments import SYMBOLS, Ref, Symbol
from misfold.programs.case import Case
from misfold.programs.dtypes import DTYPES
from misfold.programs.graph import Graph, Node, Value
from misfold.programs.operators import operator_names
from misfold.programs.pipeline import Pipeline
from misfold.programs.types import MAX_DIM, TensorType

GETITEM = "torch.Tensor.__getitem__"
OPERATORS = sorted(operator_names())
# Names that look like something else: constants, builtins, generated names, the longest.
NAMES = [
    *(f"x{index}" for index in range(8)),
    *(f"v{index}" for index in range(12)),
    *("inf", "nan", "int", "list", "self", "out", "dim", "true", "none", "a", "z_", "print", "eval", "n" * 64, "a_0"),
]
KEYWORDS = ["dim", "out", "inplace", "keepdim", "dtype", "alpha", "_x", "X", "k" * 64]
STRINGS = st.one_of(
    st.text(st.characters(), max_size=12),
    st.sampled_from(
        ["", "'", '"', "\\", "'\"", "\\'", "\n", "\r\n", "\0", "{x}", "%s", "\ud800", "\u2028", "é", "#", '"""']
    ),
)
FLOATS = st.one_of(
    st.floats(),
    st.sampled_from([0.0, -0.0, 1e-320, -5e-324, 1e308, float("inf"), float("-inf"), float("nan"), 0.1, 1e22, 1e16]),
)
INTEGERS = st.one_of(
    st.integers(-5, 5), st.integers(1 - 2**64, 2**64 - 1), st.sampled_from([2**63, -(2**63), 2**64 - 1])
)
LEAVES = st.one_of(
    st.none(), st.booleans(), INTEGERS, FLOATS, STRINGS, st.just(...), st.sampled_from(sorted(SYMBOLS)).map(Symbol)
)


def arguments(names, depth=3):
    """Any argument; ``names`` are the values that it may refer to."""
    leaf = st.one_of(LEAVES, st.sampled_from(names).map(Ref)) if names else LEAVES
    if depth == 0:
        return leaf
    inner = st.deferred(lambda: arguments(names, depth - 1))
    slices = st.builds(slice, inner, inner, inner)
    return st.one_of(leaf, leaf, st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), slices)


@st.composite
def tensor_types(draw, dtypes=tuple(DTYPES)):
    """Any type, also ones that no memory could hold."""
    dims = st.one_of(st.integers(0, 5), st.integers(0, MAX_DIM))
    shape = tuple(draw(st.lists(dims, max_size=4)))
    strides = draw(st.none() | st.lists(dims, min_size=len(shape), max_size=len(shape)))
    return TensorType.of(draw(st.sampled_from(dtypes)), shape, strides)


@st.composite
def nodes(draw, defined, outputs):
    """A call that uses values of ``defined`` and assigns values called ``outputs``."""
    values = tuple(Value(name, draw(st.none() | tensor_types())) for name in outputs)
    unpack = len(outputs) > 1 or draw(st.booleans())
    if defined and draw(st.integers(0, 3)) == 0:
        return Node(GETITEM, (Ref(draw(st.sampled_from(defined))), draw(arguments(defined))), {}, values, unpack)
    args = draw(st.lists(arguments(defined), max_size=3).map(tuple))
    kwargs = draw(st.dictionaries(st.sampled_from(KEYWORDS), arguments(defined), max_size=2))
    return Node(draw(st.sampled_from(OPERATORS)), args, kwargs, values, unpack)


@st.composite
def graphs(draw, max_nodes=5, types=None):
    """Any graph; ``types`` draws the types of its inputs."""
    start = draw(st.integers(0, len(NAMES) - 1))
    names = NAMES[start:] + NAMES[:start]
    count = draw(st.integers(0, 4))
    types = tensor_types() if types is None else types
    inputs = tuple(Value(name, draw(types)) for name in names[:count])
    defined, rest = list(names[:count]), list(names[count:])
    made = []
    for _ in range(draw(st.integers(0 if inputs else 1, max_nodes))):
        outputs = [rest.pop() for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3])))]
        made.append(draw(nodes(tuple(defined), outputs)))
        defined += outputs
    returns = tuple(draw(st.lists(st.sampled_from(defined), min_size=1, max_size=4)))
    return Graph(inputs, tuple(made), returns)


@st.composite
def recipes(draw, kind):
    """A recipe for an input of type ``kind``."""
    seed = st.integers(0, 2**63 - 1)
    number = st.floats(-1e300, 1e300) | st.integers(-1000, 1000)
    element = st.booleans() | st.integers(-(2**63), 2**64 - 1) | FLOATS
    choices = [
        st.fixed_dictionaries({"draw": st.just("normal"), "seed": seed}, optional={"scale": number, "shift": number}),
        st.tuples(seed, number, number).map(
            lambda item: {"draw": "uniform", "seed": item[0], "low": min(item[1:]), "high": max(item[1:])}
        ),
        st.tuples(seed, st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1)).map(
            lambda item: {"draw": "integers", "seed": item[0], "low": min(item[1:]), "high": max(item[1:])}
        ),
        st.fixed_dictionaries({"draw": st.just("bernoulli"), "seed": seed}, optional={"p": st.floats(0, 1)}),
        st.fixed_dictionaries({"draw": st.just("permutation"), "seed": seed}),
        st.fixed_dictionaries({"draw": st.just("constant"), "value": element}),
        st.fixed_dictionaries({"draw": st.just("values"), "values": st.lists(element, min_size=1, max_size=4)}),
    ]
    recipe = draw(st.one_of(choices))
    if draw(st.booleans()):
        recipe = {**recipe, "edges": draw(st.floats(0, 1))}
    if kind.dtype.is_float and draw(st.booleans()):
        recipe = {**recipe, "requires_grad": draw(st.booleans())}
    return recipe


LITERALS = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | STRINGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=6,
)
PIPELINES = st.builds(
    Pipeline,
    STRINGS,
    st.dictionaries(STRINGS, LITERALS, max_size=3),
    st.none() | st.lists(st.tuples(STRINGS, st.dictionaries(STRINGS, LITERALS, max_size=2)), max_size=3).map(tuple),
)


@st.composite
def cases(draw, max_nodes=4, types=None):
    """Any case."""
    graph = draw(graphs(max_nodes, types))
    given = {value.name: draw(recipes(value.known)) for value in draw(st.permutations(graph.inputs))}
    pipelines = draw(st.dictionaries(STRINGS, PIPELINES, max_size=2))
    about = draw(st.dictionaries(STRINGS.filter(lambda key: key != "exact"), LITERALS, max_size=3))
    return Case(graph, given, pipelines, draw(st.booleans()), about)
