"""Mutators of graphs of tensor operators: each result has been run by eager while it was made.

``names`` says which there are without importing a framework; ``table`` holds them, ``mutate`` applies them.
"""
