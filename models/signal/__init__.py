"""From samples to numbers: windows, spectra, envelopes, quality and the table of features.

Everything here is a function of arrays: acceleration in m/s², float32, shape (channels, samples). Nothing imports
scipy.signal or the scipy.fft package; `fourier` loads the one extension that is needed (see there).
"""
