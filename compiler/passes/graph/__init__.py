"""Passes on graph IR."""
