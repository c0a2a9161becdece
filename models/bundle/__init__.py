"""A model with all it needs, in one file: `manifest.py` says what it is, `archive.py` turns it into bytes and back."""
