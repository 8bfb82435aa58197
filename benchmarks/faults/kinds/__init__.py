"""The faults, one file for each class."""
