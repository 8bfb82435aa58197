"""What the body of a ``fused`` node may hold: as much as one loop nest can compute.

* Operators that are *index-computable* (elementwise, creation, movement, ``gather``) make an element of their output
  from given elements of their inputs. Where one is read, it is computed there.
* At most one other operator, the *nest* of the body: ``reduce``, ``dot``, ``convolution``, … It decides the loops. All
  that it reads is computed within them.
* What depends on the nest is its *epilogue*: elementwise operators on tensors of the shape of the nest's outputs,
  computed where the nest has just made an element.
* All outputs have one shape, so that one nest can store them all. Where there is a nest, it or its epilogue makes each
  of them.
* Composites and ``fused`` itself have no place in a body.
"""

from __future__ import annotations

from .ir import Graph, Node
from .operators.base import IllTyped, operators

_INDEX_COMPUTABLE = ("elementwise", "creation", "movement")


def is_elementwise(node: Node) -> bool:
    """Whether an element of the output depends on the same elements of the inputs, and on nothing else."""
    return operators()[node.operator].family == "elementwise"


def is_index_computable(node: Node) -> bool:
    """Whether a single element of the output can be computed from few elements of the inputs."""
    return node.operator == "gather" or operators()[node.operator].family in _INDEX_COMPUTABLE


def is_nest(node: Node) -> bool:
    """Whether it is a primitive that needs a loop nest of its own."""
    operator = operators()[node.operator]
    return not operator.composite and operator.family != "fused" and not is_index_computable(node)


def nest_of(body: Graph) -> Node | None:
    """The one node of a body that is not index-computable, if there is one."""
    for node in body.nodes:
        if not is_index_computable(node):
            return node
    return None


def check_fused(body: Graph) -> None:
    """Check the rules above; types and names are ``verify``'s affair.

    Raises:
        IllTyped: a rule is broken; says which.
    """
    nest: Node | None = None
    #: What the nest makes, and what is computed from that.
    behind: set[str] = set()
    for node in body.nodes:
        if node.operator not in operators():
            raise IllTyped(f"there is no operator {node.operator!r}")
        if not is_index_computable(node) and not is_nest(node):
            raise IllTyped(f"a body holds primitives only, not {node.operator}")
        late = any(value.name in behind for value in node.inputs)
        if is_nest(node):
            if nest is not None:
                raise IllTyped(f"a body holds one loop nest, not both {nest.operator} and {node.operator}")
            nest = node
            behind.update(value.name for value in node.outputs)
        elif late and not is_elementwise(node):
            raise IllTyped(f"{node.operator} cannot be computed element by element behind the loop nest")
        elif late:
            behind.update(value.name for value in node.outputs)
    if not body.outputs:
        raise IllTyped("a body has one output at least")
    if len({value.type.shape for value in body.outputs}) > 1:
        raise IllTyped("the outputs of a body have one shape")
    if nest is not None:
        for value in body.outputs:
            if value.name not in behind:
                raise IllTyped(f"output {value.name} does not depend on {nest.operator}, which makes the loops")
