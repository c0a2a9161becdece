"""How well what we ship detects and names faults, on public recordings, always with its false alarms."""
