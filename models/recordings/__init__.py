"""Files that people have: .mat, .csv(.gz) and other text, .wav, .npz, .parquet → `Recording`.

`reading.read_recording` checks the file, hands it to the one reader for its ending, and puts what that reader found
into channels with unit and rate. Heavy libraries are imported only by the reader that needs them.
"""

from models.recordings.reading import read_recording
from models.recordings.recording import Channel, Recording, RecordingError, Segment

__all__ = ["Channel", "Recording", "RecordingError", "Segment", "read_recording"]
