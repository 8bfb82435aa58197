"""Mutators of graphs of tensor operators."""
