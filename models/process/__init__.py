"""Slow signals of a process: what their windows say, what a plant's rules ask, and what is normal in each phase."""
