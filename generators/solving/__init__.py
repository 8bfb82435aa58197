"""Programs from rules: numbers for calls that have not been seen, and for whole graphs, by sampling and by z3.

source = RuleSource(RuleBase.load(), RecordBase.load())
choice = source.choice("torch.narrow", random, weights)      # a partial operator with element types
choice.place(placer, 2)                                      # called on values of a program under construction
resized(case, random)                                        # the same graph at other sizes
"""
