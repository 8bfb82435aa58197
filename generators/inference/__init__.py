"""Inferring rules from trials: partial operators, shapes, validity, element types, and the held-out check."""
