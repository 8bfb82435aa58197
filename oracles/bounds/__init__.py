"""Running error analysis: each value of a program in float64, with a bound on what any honest evaluation may give.

An *honest* evaluation computes what the program says, each operator with at most the rounding that its type and the
declared accuracy of its library function allow, in whatever order, blocking and precision it likes (see
``docs/verdicts.md`` for the rewrites that this takes in). For every element the analysis carries a value ``v`` in
float64 and an error ``e`` so that each honest evaluation gives something in [v - e, v + e], errors of the float64
evaluation itself included. Theory: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002,
chapters 2 to 4; J. H. Wilkinson, Rounding Errors in Algebraic Processes, 1963, for running error analysis.

It runs on PyTorch's dispatch level, where composite operators have fallen apart into those of ``aten``; each family of
these has its rules in a file of its own.
"""
