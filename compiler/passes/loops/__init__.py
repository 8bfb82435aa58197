"""Passes on loop IR."""
