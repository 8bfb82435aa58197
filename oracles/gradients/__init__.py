"""Derivatives besides those that every case with ``requires_grad`` has judged: forward mode, and exact ones."""
