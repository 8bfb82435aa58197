"""ATen operators, a family per file; each function builds graph IR for one operator."""
