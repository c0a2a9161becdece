"""Sub-commands of `plantpulse cloud`, one file each."""
