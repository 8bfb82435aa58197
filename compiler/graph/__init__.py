"""The graph IR: tensor programs in SSA form. ``ir`` is the language, ``operators/`` its operators, by families."""
