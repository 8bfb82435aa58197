"""A content hash of graphs and cases that does not depend on the names of values."""

from __future__ import annotations

import hashlib

from .graph import Graph
from .printer import print_graph


def graph_hash(graph: Graph) -> str:
    """16 hexadecimal digits; equal for graphs that differ in names only."""
    return text_hash(print_graph(graph.normal()))


def text_hash(text: str) -> str:
    """16 hexadecimal digits (64 bits: a billion cases collide with a chance of 3 %) of a text."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
