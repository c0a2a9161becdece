"""One file per change of the tables; the number in front is its place in the order."""
