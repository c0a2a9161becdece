"""The face of the platform: command line, demo and benchmarks. It imports everything; nothing imports it."""
