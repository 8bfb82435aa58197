"""Loop IR → LLVM → machine code in this process."""
