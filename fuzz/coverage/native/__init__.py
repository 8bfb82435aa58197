"""Coverage of stock shared libraries by one-byte traps: functions or basic blocks, without a rebuild."""
