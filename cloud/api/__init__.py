"""The HTTP interface, one file per resource; errors become problem documents in `problems` alone."""
