"""Tests of misfold.compiler.codegen."""
