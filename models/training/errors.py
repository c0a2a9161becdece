"""Errors of training.

PlantpulseError
├── InputError
│   └── FitError                 the data cannot give a model: says which, and what would do
└── TrainingExtraMissingError    a library of the extra `train` is not installed (models.training.tflite_writer)
"""

from __future__ import annotations

from models.contract.errors import InputError


class FitError(InputError):
    """The data cannot give a model; says which, and what would do."""
