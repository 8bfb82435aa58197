"""Mutators of programs that only TVM can hold: PrimFunc -> PrimFunc. ``mutate`` needs TVM, ``names`` does not."""
