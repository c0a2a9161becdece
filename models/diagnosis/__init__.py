"""What is wrong with a machine, judged from its vibration: which fault, on what evidence, and what to do next.

`diagnose.py` is the way in. Behind it, in the order in which things happen: `sensor.py` (may this signal be judged
at all), `shaft_speed.py` (how fast does the shaft really turn), `envelope_lines.py` and `bearing_faults.py` (damage
in a rolling bearing), `fingerprint.py` and `rotor_faults.py` (imbalance, misalignment, looseness, change), and
`wording.py` (the sentences people read).
"""
