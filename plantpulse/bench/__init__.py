"""Benchmarks: one module each, one row each in `command.BENCHMARKS`."""
