"""Targets for kernels: the protocol, what runs them in workers, and the built-in ones."""
