"""Load and run the small networks of the detectors: one file per runtime, one row each in `table.RUNTIMES`."""
