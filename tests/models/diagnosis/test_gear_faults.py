"""The mesh of teeth is measured as it is, whatever the speed does, and only damage is called damage."""

from __future__ import annotations

import numpy as np
import pytest
from support.fault_cases import cases, judged

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.diagnose import diagnose, fingerprint
from models.diagnosis.fingerprint import Fingerprint, FingerprintError, combine
from models.diagnosis.gear_faults import Gear, GearError, judge_gears, mesh_lines

RATE_HZ = 12_000.0
SHAFT_HZ = 24.7
PINION, WHEEL = Gear(23), Gear(61, 23 / 61)


def mesh(depth: float, gear: Gear = PINION, *, seconds: float = 4.0, wander: float = 0.0, noise: float = 0.3):
    """Return teeth whose mesh, 2 and 1 m/s² peak in two harmonics, is modulated in amplitude once per turn."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    turns = SHAFT_HZ * time_s + wander * np.sin(2 * np.pi * 0.4 * time_s)
    modulation = 1 + depth * np.cos(2 * np.pi * gear.order * turns)
    teeth = 2 * np.cos(2 * np.pi * 23 * turns) + np.cos(2 * np.pi * 46 * turns + 1)
    return modulation * teeth + noise * np.random.default_rng(1).standard_normal(time_s.size)


@pytest.mark.parametrize("wander", [0.0, 0.04])
def test_mesh_and_sidebands_have_the_level_of_their_lines(wander: float) -> None:
    # Closed form: RMS 2/√2 and 1/√2; each of two sidebands half the depth of it. A wander of 0.04 turns is ± 2 turns of
    # the second harmonic's phase and smears its line over four bins; followed, it costs nothing. 3 % is the noise's.
    (pinion, wheel) = mesh_lines(mesh(0.4, wander=wander), RATE_HZ, SHAFT_HZ, [PINION, WHEEL])
    assert pinion is not None
    assert wheel is not None
    np.testing.assert_allclose(pinion.mesh_of[:2], np.array([2, 1]) / np.sqrt(2), rtol=0.03)
    np.testing.assert_allclose(pinion.near_of[:2], np.array([2, 1]) * 0.2, rtol=0.03)
    assert pinion.far_of[:2].max() < 0.02
    assert wheel.sides < 0.05  # it turns at another speed
    # The largest line of a mesh that wanders by 0.4 % may be any of its own.
    assert pinion.mesh_hz == pytest.approx(23 * SHAFT_HZ, rel=1e-3 if wander == 0.0 else 4e-3)


def test_the_wheel_that_is_damaged_is_the_one_that_is_named() -> None:
    good = mesh_lines(mesh(0.05), RATE_HZ, SHAFT_HZ, [PINION, WHEEL])
    levels = fingerprint(mesh(0.05), RATE_HZ, 60 * SHAFT_HZ, gears=[PINION, WHEEL]).mesh_levels(0, [PINION, WHEEL])
    assert judge_gears(good, levels) is None
    for gear in (PINION, WHEEL):
        found = judge_gears(mesh_lines(mesh(0.5, gear), RATE_HZ, SHAFT_HZ, [PINION, WHEEL]), levels)
        assert found is not None
        assert found.heard.gear == gear


def cracked(depth: float, gear: Gear) -> np.ndarray:
    """Return good teeth but for one of a wheel, which meshes weaker by a depth: a row of equal sidebands, none loud."""
    turn = np.mod(gear.order * SHAFT_HZ * np.arange(round(4.0 * RATE_HZ)) / RATE_HZ, 1.0) - 0.5
    time_s = np.arange(turn.size) / RATE_HZ
    teeth = 2 * np.cos(2 * np.pi * 23 * SHAFT_HZ * time_s) + np.cos(2 * np.pi * 46 * SHAFT_HZ * time_s + 1)
    return mesh(0.05, gear) - depth * np.exp(-0.5 * (turn / 0.02) ** 2) * teeth


def test_a_whole_new_row_of_sidebands_is_damage_though_none_of_them_is_loud() -> None:
    levels = fingerprint(mesh(0.05, WHEEL), RATE_HZ, 60 * SHAFT_HZ, gears=[WHEEL]).mesh_levels(0, [WHEEL])
    (heard,) = mesh_lines(cracked(0.5, WHEEL), RATE_HZ, SHAFT_HZ, [WHEEL])
    assert heard is not None
    assert (heard.far_of[:2] < 0.1 * heard.mesh_of[:2]).all()
    assert judge_gears([heard], levels) is not None
    # Less is too little, and so is the same row of a wheel that turns as the shaft does: a blow makes that as well.
    assert judge_gears(mesh_lines(cracked(0.2, WHEEL), RATE_HZ, SHAFT_HZ, [WHEEL]), levels) is None
    on_shaft = fingerprint(mesh(0.05), RATE_HZ, 60 * SHAFT_HZ, gears=[PINION]).mesh_levels(0, [PINION])
    assert judge_gears(mesh_lines(cracked(0.5, PINION), RATE_HZ, SHAFT_HZ, [PINION]), on_shaft) is None


def test_more_load_is_no_damage() -> None:
    levels = fingerprint(mesh(0.15), RATE_HZ, 60 * SHAFT_HZ, gears=[PINION]).mesh_levels(0, [PINION])
    assert judge_gears(mesh_lines(1.8 * mesh(0.15), RATE_HZ, SHAFT_HZ, [PINION]), levels) is None


def test_a_resonance_that_lifts_the_mesh_with_its_sidebands_is_no_damage() -> None:
    levels = fingerprint(mesh(0.3), RATE_HZ, 60 * SHAFT_HZ, gears=[PINION]).mesh_levels(0, [PINION])
    assert judge_gears(mesh_lines(2.6 * mesh(0.3), RATE_HZ, SHAFT_HZ, [PINION]), levels) is None
    # Teeth that mesh more loudly and more deeply modulated are damaged nevertheless.
    assert judge_gears(mesh_lines(2.6 * mesh(0.9), RATE_HZ, SHAFT_HZ, [PINION]), levels) is not None


def test_without_a_baseline_only_a_mesh_that_is_mostly_sidebands_is_named() -> None:
    assert judge_gears(mesh_lines(mesh(0.9), RATE_HZ, SHAFT_HZ, [PINION])) is None
    time_s = np.arange(round(4 * RATE_HZ)) / RATE_HZ
    turn = np.mod(SHAFT_HZ * time_s, 1.0)
    one_tooth = 30 * np.exp(-0.5 * ((turn - 0.5) * 23) ** 2)
    broken = mesh(0.0) + one_tooth * np.cos(2 * np.pi * 23 * SHAFT_HZ * time_s)
    found = judge_gears(mesh_lines(broken, RATE_HZ, SHAFT_HZ, [PINION]))
    assert found is not None
    report = diagnose(broken[None], RATE_HZ, ["GB"], speed_rpm=60 * SHAFT_HZ, speed_measured=True, gears=[PINION])
    assert report.verdict.label is DiagnosisLabel.GEAR
    assert "wheel with 23 teeth" in report.verdict.sentence
    assert sum(line.matched for line in report.lines if "x23T" in line.line) >= 8


def test_without_tooth_counts_teeth_are_never_named_nor_anything_else() -> None:
    bad = [case for case in cases() if case.kind == "gear"][1::2]
    labels = {judged(case, teeth_known=False).verdict.label for case in bad}
    assert labels <= {DiagnosisLabel.CHANGED, DiagnosisLabel.UNCERTAIN, DiagnosisLabel.HEALTHY}


def test_no_mesh_no_word() -> None:
    noise = np.random.default_rng(2).standard_normal(48_000)
    assert mesh_lines(noise, RATE_HZ, SHAFT_HZ, [PINION, WHEEL]) == (None, None)
    assert mesh_lines(mesh(0.5, seconds=0.2), RATE_HZ, SHAFT_HZ, [PINION]) == (None,)  # five turns
    assert mesh_lines(noise, RATE_HZ, SHAFT_HZ, []) == ()


@pytest.mark.parametrize(("teeth", "order"), [(0, 1.0), (5, 1.0), (20.5, 1.0), (20, 0.0), (20, float("nan")), (20, -1)])
def test_wheels_that_cannot_be_are_refused(teeth: float, order: float) -> None:
    with pytest.raises(GearError):
        Gear(teeth, order)  # type: ignore[arg-type]  # what a configuration may hold


@pytest.mark.parametrize("text", ["", "x", "20@", "20@x", "20@1/0", "20.5"])
def test_words_that_are_no_wheel_are_refused(text: str) -> None:
    if text == "20@":
        assert Gear.parsed(text) == Gear(20)
        return
    with pytest.raises(GearError):
        Gear.parsed(text)


def test_a_fingerprint_keeps_its_wheels_and_those_of_an_older_version_have_none() -> None:
    made = fingerprint(mesh(0.2), RATE_HZ, 60 * SHAFT_HZ, gears=[PINION, WHEEL])
    back = Fingerprint.from_bytes(combine([made, made]).to_bytes())
    assert back.gears == (PINION, WHEEL)
    np.testing.assert_allclose(back.gear_m_s2, made.gear_m_s2, rtol=1e-6)
    assert np.isnan(back.select([None]).gear_m_s2).all()
    plain = fingerprint(mesh(0.2), RATE_HZ, 60 * SHAFT_HZ)
    older = plain.to_bytes().replace(b"PPFP2", b"PPFP1")
    assert Fingerprint.from_bytes(older).mesh_levels(0, [PINION]) == (None,)
    with pytest.raises(FingerprintError, match="gears"):
        combine([made, plain])
