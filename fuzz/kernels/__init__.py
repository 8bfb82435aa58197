"""Campaigns of Kernel programs: ``misfold run --kernels``."""
