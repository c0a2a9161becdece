"""What a simulated machine must be: repeatable to the last bit, healthy when healthy, and ill in the right way."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_agent.sources.plant.faults import Fault, FaultGrowth, SensorFailure, SensorFault
from edge_agent.sources.plant.impacts import BearingOrders
from edge_agent.sources.plant.machine import MachinePhysics, PlantMachine
from edge_agent.sources.plant.programme import OperatingPoint, OperatingProgramme
from edge_agent.sources.plant.sensor import RANGE_G, STANDARD_GRAVITY_M_S2, STEP_G

RATE_HZ = 25_600
SPEED_RPM = 1480.0
SHAFT_HZ = SPEED_RPM / 60.0
SKF_6205 = BearingOrders(outer=3.5848, inner=5.4152, ball_spin=2.3567, cage=0.39828)
CHANNELS = ("DE.H", "DE.V", "DE.A", "NDE.H")
DE_H, DE_V, DE_A, NDE_H = range(4)


def machine(
    *faults: FaultGrowth,
    seed: int = 1,
    programme: OperatingProgramme | None = None,
    sensor_failures: tuple[SensorFailure, ...] = (),
) -> PlantMachine:
    return PlantMachine(
        MachinePhysics(
            seed=seed,
            sample_rate_hz=float(RATE_HZ),
            channel_names=CHANNELS,
            rated_speed_rpm=SPEED_RPM,
            programme=programme or OperatingProgramme((OperatingPoint(0.0, SPEED_RPM),), seed=seed),
            bearings={"DE": SKF_6205, "NDE": SKF_6205},
            passing_orders=(6.0,),
            faults=faults,
            sensor_failures=sensor_failures,
        )
    )


def grown(fault: Fault, point: str = "DE") -> FaultGrowth:
    return FaultGrowth(fault, point, onset_s=0.0, time_constant_s=1.0)


def spectrum(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies in Hz and mean-square amplitudes per bin of a Hann window."""
    count = signal.shape[-1]
    window = np.hanning(count)
    amplitude = np.fft.rfft((signal - signal.mean(-1, keepdims=True)) * window) / window.sum()
    return np.fft.rfftfreq(count, 1.0 / RATE_HZ), 2.0 * np.abs(amplitude) ** 2


def velocity_rms_mm_s(signal_g: np.ndarray) -> np.ndarray:
    frequency, power = spectrum(signal_g * STANDARD_GRAVITY_M_S2)
    band = (frequency >= 10.0) & (frequency <= 1000.0)
    # 1.5 bins is the noise bandwidth of a Hann window.
    return 1e3 * np.sqrt((power[:, band] / (2.0 * np.pi * frequency[band]) ** 2).sum(axis=1) / 1.5)


def line_rms(signal: np.ndarray, frequency_hz: float) -> float:
    frequency, power = spectrum(signal)
    near = np.abs(frequency - frequency_hz) <= 0.006 * frequency_hz + 0.5
    return float(np.sqrt(power[near].sum() / 1.5))


def envelope_contrast(signal: np.ndarray, frequency_hz: float) -> float:
    """Return how far a line of the squared envelope (2 to 9 kHz) stands above its surroundings, as a power ratio."""
    spectrum_full = np.fft.fft(signal)
    frequency = np.fft.fftfreq(len(signal), 1.0 / RATE_HZ)
    analytic = np.fft.ifft(np.where((frequency > 2000.0) & (frequency < 9000.0), spectrum_full, 0.0))
    envelope_frequency, power = spectrum(np.abs(analytic) ** 2)
    near = np.abs(envelope_frequency - frequency_hz) <= 0.012 * frequency_hz
    around = np.abs(envelope_frequency - frequency_hz) <= 25.0
    return float(power[near].max() / np.median(power[around]))


def test_asked_in_one_go_in_pieces_or_after_a_restart_the_numbers_are_the_same() -> None:
    ill = (grown(Fault.INNER_RACE), grown(Fault.LOOSENESS))
    whole = machine(*ill).samples(0, 4 * RATE_HZ)
    other = machine(*ill)
    edges = [0, 1, 1000, RATE_HZ, RATE_HZ + 1, 60_000, 4 * RATE_HZ]
    pieces = [other.samples(first, last - first) for first, last in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)
    assert np.array_equal(machine(*ill).samples(70_000, 5000), whole[:, 70_000:75_000])
    assert np.array_equal(other.samples(12_345, 100), whole[:, 12_345:12_445])


def test_another_seed_is_another_machine() -> None:
    assert not np.array_equal(machine(seed=1).samples(0, 1000), machine(seed=2).samples(0, 1000))


def test_samples_are_what_a_16_bit_sensor_reports() -> None:
    signal = machine(grown(Fault.OUTER_RACE)).samples(0, RATE_HZ)
    assert signal.dtype == np.float32
    assert np.abs(signal).max() <= RANGE_G
    steps = signal / np.float32(STEP_G)
    assert np.array_equal(steps, np.rint(steps))


@pytest.mark.parametrize("seed", range(6))
def test_a_healthy_machine_is_in_zone_a_and_quiet(seed: int) -> None:
    signal = machine(seed=seed).samples(100 * RATE_HZ, 2 * RATE_HZ)
    assert 0.7 < velocity_rms_mm_s(signal)[DE_H] < 1.4
    acceleration = signal.std(axis=1) * STANDARD_GRAVITY_M_S2
    assert np.all((acceleration > 0.8) & (acceleration < 4.0))
    kurtosis = ((signal / signal.std(axis=1, keepdims=True)) ** 4).mean(axis=1)
    assert np.all(np.abs(kurtosis - 3.0) < 0.4)


def test_a_healthy_machine_does_not_drift() -> None:
    healthy = machine(seed=4)
    level = np.array([healthy.samples(second * RATE_HZ, RATE_HZ).std(axis=1) for second in range(0, 7200, 120)])
    relative = level / level.mean(axis=0)
    # Load unrest is ± 5 %; between the first and the second hour there is nothing to find.
    assert np.abs(relative - 1.0).max() < 0.06
    assert np.abs(relative[:30].mean(axis=0) - relative[30:].mean(axis=0)).max() < 0.015


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_grown_fault_leaves_the_zones_in_which_machines_may_stay(fault: Fault, seed: int) -> None:
    signal = machine(grown(fault), seed=seed).samples(10 * RATE_HZ, 2 * RATE_HZ)
    # ISO 20816-3, group 2, rigid: above 2.8 mm/s is zone C; a ball hides longer, its zone is judged by acceleration.
    limit = 1.9 if fault is Fault.BALL else 2.8
    assert velocity_rms_mm_s(signal).max() > limit


@pytest.mark.parametrize(
    ("fault", "order"), [(Fault.OUTER_RACE, 3.5848), (Fault.INNER_RACE, 5.4152), (Fault.BALL, 2 * 2.3567)]
)
def test_a_damaged_bearing_shows_its_own_line_in_the_envelope(fault: Fault, order: float) -> None:
    ill = machine(grown(fault)).samples(10 * RATE_HZ, 4 * RATE_HZ)[DE_H]
    healthy = machine().samples(10 * RATE_HZ, 4 * RATE_HZ)[DE_H]
    assert envelope_contrast(ill, order * SHAFT_HZ) > 100.0
    # Among a dozen bins of noise the largest is seldom above ten times the median.
    assert envelope_contrast(healthy, order * SHAFT_HZ) < 20.0


def test_the_near_sensor_hears_a_bearing_louder_than_the_far_one() -> None:
    at_de = machine(grown(Fault.OUTER_RACE, "DE")).samples(10 * RATE_HZ, RATE_HZ).std(axis=1)
    at_nde = machine(grown(Fault.OUTER_RACE, "NDE")).samples(10 * RATE_HZ, RATE_HZ).std(axis=1)
    assert at_de[DE_H] > 2.0 * at_de[NDE_H]
    assert at_nde[NDE_H] > 2.0 * at_nde[DE_H]


def test_imbalance_is_one_line_that_grows_with_the_square_of_the_speed() -> None:
    fast = OperatingProgramme((OperatingPoint(0.0, SPEED_RPM),), speed_unrest=0.0)
    slow = OperatingProgramme((OperatingPoint(0.0, SPEED_RPM / 2.0),), speed_unrest=0.0)
    at_full = machine(grown(Fault.IMBALANCE), programme=fast).samples(10 * RATE_HZ, 3 * RATE_HZ)[DE_H]
    at_half = machine(grown(Fault.IMBALANCE), programme=slow).samples(10 * RATE_HZ, 3 * RATE_HZ)[DE_H]
    assert line_rms(at_full, SHAFT_HZ) / line_rms(at_half, SHAFT_HZ / 2.0) == pytest.approx(4.0, rel=0.03)
    assert line_rms(at_full, SHAFT_HZ) > 3.0 * line_rms(at_full, 2.0 * SHAFT_HZ)


def test_misalignment_is_first_second_and_third_order_with_an_axial_share() -> None:
    ill = machine(grown(Fault.MISALIGNMENT)).samples(10 * RATE_HZ, 3 * RATE_HZ)
    healthy = machine().samples(10 * RATE_HZ, 3 * RATE_HZ)
    for order in (2.0, 3.0):
        assert line_rms(ill[DE_H], order * SHAFT_HZ) > 4.0 * line_rms(healthy[DE_H], order * SHAFT_HZ)
    assert velocity_rms_mm_s(ill)[DE_A] > velocity_rms_mm_s(ill)[DE_H]


def test_looseness_is_many_harmonics_and_half_orders() -> None:
    ill = machine(grown(Fault.LOOSENESS)).samples(10 * RATE_HZ, 3 * RATE_HZ)[DE_V]
    healthy = machine().samples(10 * RATE_HZ, 3 * RATE_HZ)[DE_V]
    for order in (0.5, 1.5, 2.5, 4.0, 5.0, 7.0, 8.0):
        assert line_rms(ill, order * SHAFT_HZ) > 4.0 * line_rms(healthy, order * SHAFT_HZ)


def test_a_fault_creeps_runs_and_settles() -> None:
    growth = FaultGrowth(Fault.IMBALANCE, "DE", onset_s=100.0, time_constant_s=50.0, plateau=0.8)
    severity = growth.severity(np.array([0.0, 100.0, 110.0, 150.0, 1000.0]))
    assert severity[0] == severity[1] == 0.0
    assert severity[2] < 0.05
    assert severity[3] == pytest.approx(0.8 * 0.632, rel=1e-3)
    assert severity[4] == pytest.approx(0.8)


def test_a_stopped_machine_is_quiet_and_comes_back_as_it_was() -> None:
    stops = OperatingProgramme(
        (
            OperatingPoint(0.0, SPEED_RPM),
            OperatingPoint(20.0, SPEED_RPM),
            OperatingPoint(28.0, 0.0, load=0.0),
            OperatingPoint(50.0, 0.0, load=0.0),
            OperatingPoint(60.0, SPEED_RPM),
        )
    )
    plant = machine(grown(Fault.OUTER_RACE), programme=stops)
    running, stopped, again = (
        plant.samples(second * RATE_HZ, 3 * RATE_HZ).std(axis=1) * STANDARD_GRAVITY_M_S2 for second in (10, 40, 70)
    )
    assert np.all(stopped < 0.05)
    assert np.all(running > 20.0 * stopped)
    assert np.allclose(again, running, rtol=0.2)
    assert plant.speed_rpm(40 * RATE_HZ, RATE_HZ) == 0.0
    assert plant.speed_rpm(24 * RATE_HZ, RATE_HZ) == pytest.approx(SPEED_RPM * 3.5 / 8.0, rel=0.01)


def test_a_fault_without_a_bearing_is_refused() -> None:
    with pytest.raises(ValueError, match="no bearing is known"):
        machine(grown(Fault.BALL, "GB"))


@pytest.mark.parametrize("failure", list(SensorFault))
def test_a_failing_sensor_shows_its_failure_and_leaves_the_others_alone(failure: SensorFault) -> None:
    ill = machine(sensor_failures=(SensorFailure(failure, "DE.V", from_s=5.0),)).samples(4 * RATE_HZ, 3 * RATE_HZ)
    healthy = machine().samples(4 * RATE_HZ, 3 * RATE_HZ)
    others = [DE_H, DE_A, NDE_H]
    assert np.array_equal(ill[others], healthy[others])
    assert np.array_equal(ill[DE_V, :RATE_HZ], healthy[DE_V, :RATE_HZ])
    failing, was = ill[DE_V, RATE_HZ:], healthy[DE_V, RATE_HZ:]
    seen = {
        SensorFault.DEAD: np.abs(failing).max() <= 3.0 * STEP_G,
        SensorFault.STUCK: np.ptp(failing) == 0.0,
        SensorFault.CLIPPING: np.mean(np.abs(failing) >= 0.99 * np.abs(failing).max()) > 0.05,
        SensorFault.LOOSE_CABLE: np.abs(failing).max() > 10.0 * np.abs(was).max(),
        SensorFault.SKI_SLOPE: velocity_rms_mm_s(failing[None])[0] > 5.0 * velocity_rms_mm_s(was[None])[0],
    }
    assert seen[failure]
