"""Constraints from documentation: what docstrings say about parameters, read by learnt rules.

The way of a docstring: ``readers`` cut it into ``Parameter`` (documented type, default, description), ``normal`` turns
sentences into tokens with typed placeholders, ``rules`` apply the learnt patterns of ``data/documentation-rules.json``
to them, and ``facts`` hold what comes out, every value with the sentence that it was read from. ``learning`` makes the
rules from an annotated sample; applying them needs the standard library only.
"""
