"""Drafts of bug reports: what is known of a bug, in the form that a project asks for."""
