"""Mutators of what compilers of loops look at: bounds, kinds of loops, memory, indices, guards, types."""
