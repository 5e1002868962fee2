"""Benchmarks: the server beside a floor, on one machine, in one run. Nothing here is a test; `make bench` runs it."""
