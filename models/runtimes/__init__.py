"""Load and run the small networks of the detectors: one file per runtime."""
