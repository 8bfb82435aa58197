"""Which part of a target a failure comes from."""
