"""Graph IR → loop IR, a family of operators per file.

Operators are lowered in one of two ways. Those that are computed by element (``elements``, ``movement``) say what one
element of their output is, and need no memory of their own; the others emit loops. A ``fused`` node, and any other node
alike, becomes one nest: at most one operator with loops, what it reads computed in place (``reader``), and what follows
it done where an element is finished (``nest``).
"""

from .functions import lower

__all__ = ["lower"]
