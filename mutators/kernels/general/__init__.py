"""Mutators that need to know nothing but types: insert, delete, replace, swap, duplicate, splice."""
