"""What is wrong with a machine, judged from its vibration: which fault, on what evidence, and what to do next.

`diagnose.py` is the way in. Behind it, in the order in which things happen: `sensor.py` and `usable.py` (may this
signal be judged at all), `shaft_speed.py` (how fast does the shaft really turn), `fingerprint.py` (what is there now,
and what was there when healthy), `envelope_lines.py`, `bearing_lines.py`, `load_passage.py`, `bearing_doubts.py`,
`bearing_faults.py` and `cage.py` (damage in a rolling bearing), `mesh.py` and `gear_faults.py` (damaged teeth),
`rattle.py`, `order_noise.py`, `rotor_faults.py`, `softness.py` and `whose_orders.py` (imbalance, misalignment,
looseness, and who else may have made these orders), `band_change.py` (change without a name), `judgement.py` and
`verdict.py` (one word per channel, and for the machine), and `wording.py` (the sentences people read).
"""
