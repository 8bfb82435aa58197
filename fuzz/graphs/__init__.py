"""The joint loop over Graph programs: ``misfold run``."""
