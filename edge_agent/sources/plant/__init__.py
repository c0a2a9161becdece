"""A machine that does not exist but behaves like one: the physics behind the source `simulated`.

In the order in which a vibration comes about: `programme` (how fast and how hard it runs), `faults` (what is wrong
with it, and how far), `shaft` (what turns with it), `impacts` (what strikes in a damaged bearing), `structure` (how
the housing answers on its way to each sensor), `sensor` (what the sensor makes of it), `machine` (all of it, second
by second). Everything is a function of (seed, sample index): asked twice, in other pieces or after a restart, it
gives the same numbers.
"""
