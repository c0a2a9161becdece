"""The face of the platform: the command line, the demo and the benchmarks. It imports everything; nothing imports it."""
