"""How unusual a feature vector is: one file per detector, one row each in `table.DETECTORS`."""
