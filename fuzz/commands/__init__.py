"""The commands of ``misfold``, a few to a module."""
