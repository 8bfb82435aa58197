"""Coverage of compilers written in Python."""
