"""What both sides must agree on: words, units, limits, records, and how they stand on the wire."""
