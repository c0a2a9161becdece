"""What cannot be judged is refused by name, before anything is computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract.errors import InputError
from models.diagnosis.diagnose import diagnose, fingerprint
from models.diagnosis.inputs import DiagnosisInputError, as_signal, check_speed

NOISE = np.random.default_rng(1).standard_normal((2, 4096)).astype(np.float32)
RATE_HZ = 12_000.0


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([[1.0, 2.0, 3.0], [1.0, 2.0]], "unequal lengths"),
        (NOISE[None], "3-dimensional"),
        (np.float32(1.0), "0-dimensional"),
        (NOISE.astype(complex), "complex"),
        (np.array([["a", "b"]]), "real numbers"),
        (NOISE[:, :100], "too short"),
        (NOISE[:0], "0 channels"),
    ],
)
def test_samples_of_another_shape_are_refused(samples: object, words: str) -> None:
    with pytest.raises(DiagnosisInputError, match=words):
        diagnose(samples, RATE_HZ, ["DE", "NDE"], speed_rpm=None)  # type: ignore[arg-type]  # what callers may pass
    with pytest.raises(DiagnosisInputError):
        fingerprint(samples, RATE_HZ, None)  # type: ignore[arg-type]  # what callers may pass


@pytest.mark.parametrize("speed_rpm", [0.0, -1480.0, float("nan"), float("inf"), 1e9])
def test_a_speed_at_which_nothing_turns_is_refused(speed_rpm: float) -> None:
    with pytest.raises(DiagnosisInputError, match="shaft speed"):
        diagnose(NOISE, RATE_HZ, ["DE", "NDE"], speed_rpm=speed_rpm)
    with pytest.raises(DiagnosisInputError, match="shaft speed"):
        fingerprint(NOISE, RATE_HZ, speed_rpm)


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate_hz: float) -> None:
    with pytest.raises(DiagnosisInputError, match="sampling rate"):
        diagnose(NOISE, rate_hz, ["DE", "NDE"], speed_rpm=None)


@pytest.mark.parametrize("names", [["DE"], ["DE", "DE"], ["DE", "NDE", "X"]])
def test_names_that_do_not_fit_are_refused(names: list[str]) -> None:
    with pytest.raises(DiagnosisInputError, match="channel names"):
        diagnose(NOISE, RATE_HZ, names, speed_rpm=None)


@given(speed_rpm=st.floats())
def test_a_speed_is_taken_or_refused_by_name_never_anything_else(speed_rpm: float) -> None:
    try:
        check_speed(speed_rpm)
    except InputError:
        assert not 1.0 <= speed_rpm <= 1e6
    else:
        assert 1.0 <= speed_rpm <= 1e6


def test_samples_in_memory_are_not_copied() -> None:
    assert as_signal(NOISE) is NOISE
    assert as_signal(NOISE[0]).base is not None
