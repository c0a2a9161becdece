"""What both sides must agree on and the mathematics; no network, no clock, no store."""
