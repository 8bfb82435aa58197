"""Passes, one file each: ``graph/`` rewrites graph IR, ``loops/`` loop IR. ``base`` says what a pass is."""
