"""Mutators of graphs of tensor operators: each result has been run by eager while it was made."""

from .mutate import Scope, changed, mutate_graph, prepare
from .mutator import GraphMutator
from .table import GRAPH_MUTATORS

__all__ = ["GRAPH_MUTATORS", "GraphMutator", "Scope", "changed", "mutate_graph", "prepare"]
