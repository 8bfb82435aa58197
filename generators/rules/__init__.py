"""Rules of operators, and the file that they come in.

    rules = RuleBase.load()                        # for the installed torch; .load("2.13.0"), .load(path=...)
    rules.operators                                # names that have rules
    for rule in rules.of("torch.nn.functional.conv2d"):
        rule.usable                                # may calls be made by it? otherwise ``rule.reason``
        rule.structure                             # .build(values, dtypes) -> Call; .symbols, .dimensions, .floats
        rule.symbols                               # ("input[0]", …, "stride[0]", …)
        rule.constraints                           # Comparison | AnyOf over expressions; smt.py gives them to z3
        rule.valid(values)                         # values: symbol -> number; with dtypes as second argument also these
        rule.dtypes.combinations                   # combinations of the tensors' element types that run
        rule.output_types(values, dtypes)          # tuple of TensorType (layout aside), scalars as "int", "float", …
        rule.cases                                 # shapes as expressions, by condition on the symbols
        rule.scores                                # counts over held-out calls: .precision, .recall, .shape_accuracy
        rule.evidence                              # calls that pin it down, valid and invalid ones

``expressions.evaluate`` and ``constraints.holds`` take plain numbers or numpy vectors, one row a call.
"""

from __future__ import annotations

from .base import RuleBase
from .rule import Case, Evidence, Rule, Scores

__all__ = ["Case", "Evidence", "Rule", "RuleBase", "Scores"]
