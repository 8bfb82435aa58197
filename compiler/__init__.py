"""misfold's own tensor compiler: ATen graph → graph IR → loop IR → LLVM → a function in this process.

It stands on the ground: no module here imports another room of misfold. ``docs/compiler.md`` walks one small program
through every stage.
"""
