"""Graph IR → loop IR, a family of operators per file."""
