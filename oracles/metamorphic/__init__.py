"""Metamorphic oracles: programs that must compute what another one computes, on the same compiler.

One file per relation; ``table`` lists them, ``variants`` makes the programs and checks side conditions in a worker, and
``comparing`` judges pairs of outcomes.
"""
