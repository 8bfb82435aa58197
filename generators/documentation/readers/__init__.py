"""Readers: documentation of installed packages as ``Parameter`` entries."""
