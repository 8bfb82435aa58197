"""Mutators that leave the meaning of a function as it is: what it computes must stay equal, whoever compiles it."""
