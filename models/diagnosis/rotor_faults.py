"""Imbalance, misalignment and looseness, from vibration velocity at the orders of the shaft.

With a healthy fingerprint the question is what *grew*, and where: the mean-square growth at each order is shared out.
Growth at 1x alone is imbalance; with a good part at 2x (and 3x) misalignment; along many harmonics or at half orders
looseness. Without a fingerprint every machine has its own pattern, so nothing is named unless the velocity is bad by
ISO 20816-3, and then the shares of the level itself are read the same way. Shares between two patterns are not
decided: the finding is uncertain.

A resonance may lift any order, so shares alone are often open. Against the noise around it, which comes through the
same structure (`order_noise.py`), each line shows the *force* that made it: a bent coupling pulls twice and three times
a turn and hardly more than four times, a blow strikes nearly as hard at every order, a lost weight pulls once.

The blows of a damaged bearing leave lines at their own harmonics, with the shaft's sidebands. Where these fall upon
orders of the shaft, the growth there speaks for either; `unexplained_share` says how much speaks for the rotor alone.

Source: ISO 13373-3, annexes A (imbalance, misalignment, looseness); R. B. Randall, Vibration-based Condition
Monitoring, section 2.2.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.records import EvidenceLine
from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.fingerprint import LINE_BINS, ORDER_TOLERANCE, ORDERS

if TYPE_CHECKING:
    from models.diagnosis.envelope_lines import FloatArray

ORDER_GROWN_RATIO: Final = 1.6
"""An order has grown from here on (4 dB); a steady machine's orders stay well within."""
GROWN_MIN_MM_S: Final = 0.2
"""Growth below this is of no consequence: a seventh of the lowest boundary of ISO 20816-3."""
SIGNIFICANT_MM_S: Final = 0.7
"""Growth of all channels together is worth a word from a quarter of the lowest limit of zone B on, which the standard
calls a significant change; what a resonance that has moved makes of healthy lines mostly stays below.
Source: ISO 20816-3:2022, criterion II."""
GROWN_SHARE: Final = 0.25
"""Nor is growth below this share of what was there over all orders."""
IMBALANCE_SHARE: Final = 0.75
"""Share of 1x in the growth that makes it imbalance."""
SECOND_CLEAR: Final = 0.25
"""2x with this share of the growth of 1x (half of it in amplitude) makes it misalignment. Source: usual practice,
e.g. ISO 13373-3, annex A."""
SECOND_OF_COUPLING: Final = 0.01
"""A resonance may lift 3x or 4x far above 2x, but where 2x has not this share of the three (a tenth in amplitude)
it is another cause: vanes, a three-jawed part."""
SECOND_OF_LIFTED: Final = 0.1
"""Nor where the fourth order stands above both others, without a third of the amplitude at 2x."""
SECOND_NONE: Final = 0.1
"""2x below this share (32 % in amplitude) leaves imbalance alone."""
HIGH_ORDER: Final = 5.0
"""A bent coupling ends at about four times a turn, a blow goes on."""
LOOSE_HARMONICS: Final = 3
"""So many orders from there on must have grown for looseness."""
LOOSE_SHARE: Final = 0.15
"""And hold this share of the growth together with the half orders."""
LOOSE_REST: Final = 0.05
"""And a third of that without the strongest of them, which a resonance may have lifted out of a coupling's."""
HALF_SHARE: Final = 0.08
"""Half orders with this share of the growth show looseness by themselves: nothing else makes several of them."""
HALF_DOUBTFUL: Final = 0.01
"""With this share (a tenth in amplitude) they forbid to name another cause."""
LINE_SHARE: Final = 0.005
"""An order counts as grown only with this share of all growth: a trifle may grow by any factor."""
FAINT_RATIO: Final = 3.0
"""Where a resonance lifts one order, others are small beside it, though they grew: by 10 dB it is no scatter, and"""
FAINT_SHARE: Final = 1e-5
FAINT_MIN_MM_S: Final = 0.01
"""with three per mille of the amplitude of all growth, and a hundredth of the lowest boundary of ISO 20816-3, they
still count: a longer record than the baseline's shows lines that were always there."""
MAGNETIC_HZ: Final = (100.0, 120.0, 300.0, 360.0)
MAGNETIC_REACH: Final = 0.01
"""Not where the pull of motors and rectifiers may lie, at twice and six times the mains. It grows with load and voltage
and comes nearer an order as the slip does: a name must hold without the orders that may be its own."""
FAINT_TOGETHER: Final = 1e-3
"""Those of a blow have 3 % of the amplitude together."""
FAINT_HARMONICS: Final = 3
"""So many of the orders 5 to 10 that are new, however little each, are a blow and not a bent coupling."""
FAR_ORDER: Final = 7.0
"""With one from here on it may be either."""
HALF_ORDERS: Final = (0.5, 1.5, 2.5)
HALVES: Final = 2
"""So many half orders that are new, however faint."""
RATTLE_CONFIDENCE: Final = 0.6
"""Of looseness that only the blows in the noise decide."""
FORCE_ORDERS: Final = (5.0, 6.0, 7.0, 8.0, 9.0, 10.0)
BLOW_FORCE: Final = 1.2
"""Forces at these orders together, relative to the stronger of 2x and 3x, that only a blow makes: soft and on a fast
shaft it has half the force of 2x and 3x at 5x and less beyond; slower or harder ones have six times as much."""
BLOW_FORCE_LEAST: Final = 0.1
"""An order counts for it from this force on."""
COUPLING_FORCE: Final = 0.6
COUPLING_FORCE_AT_MOST: Final = 1.0
"""A coupling whose velocity falls off to a few per cent at 5x and 6x has a few tenths together, because the force of a
velocity rises with the order. What is in between may be either; above it is none."""
COUPLING_FORCE_LIFTED: Final = 0.4
"""Where 2x hardly grew, a resonance may have lifted 3x or 4x out of a soft blow: half the force goes on then."""
SECOND_SMALL: Final = 0.25
"""2x with less than this share of 3x and 4x together (half in amplitude) hardly grew."""
COUPLING_FORCE_CLEAR: Final = 0.3
"""Where the noise comes in blows, forces that go on beyond this make a blow of what may be a coupling."""
COUPLING_SECOND: Final = 0.35
"""A coupling's force at 2x relative to 3x and 4x: it is bent through twice a turn whatever else it does."""
ONCE_FORCE: Final = 0.25
"""A lost weight pulls once per turn, and oil film and foot answer with a little of twice."""
FORCE_CONFIDENCE: Final = 0.7
"""Of what only the forces decide."""
BLOW_HARMONICS: Final = 4
BLOW_SIDEBANDS: Final = 3
"""Lines that blows leave: harmonics, and sidebands to each side."""
ROTOR_ORDERS: Final = (1.0, 2.0)
"""Blows ring high resonances: to the slow motion once and twice a turn they add next to nothing."""
BAD_MM_S: Final = 7.1
"""Zone C or worse in every table of ISO 20816-3:2022; the level without a fingerprint, a group and a support."""


@dataclass(frozen=True, slots=True)
class RotorFinding:
    """What the orders of the shaft say about one channel.

    Attributes:
        label: imbalance, misalignment or looseness; `uncertain` when shares lie between patterns.
        confidence: 0 to 1.
        grown_mm_s: velocity RMS of the growth over all orders.
        share: of the growth at each of `ORDERS`, (orders,).
        has_halves: several half orders are new.
        detail: which orders, in words with numbers.
        lines: one per order that matters.
        rattles: whether the noise comes in blows once per turn; None where that is open.
    """

    label: DiagnosisLabel
    confidence: float
    grown_mm_s: float
    share: FloatArray
    has_halves: bool
    detail: str
    lines: tuple[EvidenceLine, ...]
    rattles: bool | None = None


def judge_rotor(
    order_mm_s: FloatArray,
    healthy_mm_s: FloatArray | None,
    shaft_hz: float,
    *,
    rattles: bool | None = None,
    noise: FloatArray | None = None,
) -> RotorFinding | None:
    """Return what grew at the orders of the shaft, or None when nothing did.

    Args:
        order_mm_s: velocity RMS at `ORDERS`, NaN where not measured, (orders,).
        healthy_mm_s: the same of the healthy machine; None judges the level itself, which the caller has found bad.
        shaft_hz: turns per second.
        rattles: whether the noise comes in blows once per turn; None where that is open.
        noise: mean square per bin around each order in (m/s²)², NaN unknown, (orders,); without it, or without what
            was healthy, forces are not compared.
    """
    now = np.nan_to_num(order_mm_s)
    before = np.zeros_like(now) if healthy_mm_s is None else np.nan_to_num(healthy_mm_s)
    growth = np.maximum(now**2 - before**2, 0.0)
    growth[now <= ORDER_GROWN_RATIO * before] = 0.0
    total = float(growth.sum())
    if math.sqrt(total) < max(GROWN_MIN_MM_S, GROWN_SHARE * math.sqrt(float(np.sum(before**2)))):
        return None
    grown = growth > LINE_SHARE * total
    share = np.where(grown, growth, 0.0) / total
    electric = np.abs(np.array(ORDERS)[:, None] * shaft_hz / np.array(MAGNETIC_HZ) - 1).min(axis=1) <= MAGNETIC_REACH
    # Without a fingerprint nothing says what is new, so what is faint does not count.
    faint = (
        ~electric
        & (growth > max(FAINT_SHARE * total, FAINT_MIN_MM_S**2))
        & (now > FAINT_RATIO * before)
        & (healthy_mm_s is not None)
    )
    new = {order: part / total for order, part, is_new in zip(ORDERS, growth.tolist(), faint, strict=True) if is_new}
    force = None if noise is None or healthy_mm_s is None else _forces(growth, noise, shaft_hz)
    label, confidence = _pattern(dict(zip(ORDERS, share.tolist(), strict=True)), new, force, rattles=rattles)
    rest = np.where(electric, 0.0, share)
    if rest.sum() < share.sum() and label is not _label_of_rest(rest, total, new, force, rattles=rattles):
        label, confidence = DiagnosisLabel.UNCERTAIN, 0.3
    if label is DiagnosisLabel.UNCERTAIN and math.sqrt(total) < SIGNIFICANT_MM_S:
        return None
    lines = tuple(
        EvidenceLine(
            line=f"{order:g}x",
            order=order,
            expected_hz=order * shaft_hz,
            found_hz=order * shaft_hz if rises else None,
            snr_db=round(20 * math.log10(after / max(base, 1e-3)), 1) if rises and healthy_mm_s is not None else None,
            matched=bool(rises),
        )
        for order, after, base, rises in zip(ORDERS, now, before, grown, strict=True)
        if order in {1.0, 2.0, 3.0} or rises
    )
    detail = _detail(now, None if healthy_mm_s is None else before, grown)
    return RotorFinding(
        label, confidence, math.sqrt(total), share, _count_halves(new) >= HALVES, detail, lines, rattles
    )


def _label_of_rest(
    rest: FloatArray, total: float, new: dict[float, float], force: dict[float, float] | None, *, rattles: bool | None
) -> DiagnosisLabel:
    """Return what the orders say that are none of the motor's pull, uncertain where they hardly grew.

    Args:
        rest: share of the growth at each of `ORDERS`, 0 where the pull may lie, (orders,).
        total: the growth in (mm/s)².
        new: share at orders that grew clearly, none of the pull's.
        force: at each order, None where unknown.
        rattles: whether the noise comes in blows once per turn; None where that is open.
    """
    left = float(rest.sum())
    if math.sqrt(left * total) < GROWN_MIN_MM_S:
        return DiagnosisLabel.UNCERTAIN
    share = dict(zip(ORDERS, (rest / left).tolist(), strict=True))
    clear = {order: part / left for order, part in new.items()}
    own = None if force is None else {order: part * (share[order] > 0) for order, part in force.items()}
    return _pattern(share, clear, own, rattles=rattles)[0]


def grown_acceleration_m_s2(order_mm_s: FloatArray, healthy_mm_s: FloatArray | None, shaft_hz: float) -> float:
    """Return the RMS acceleration of what grew at all orders together, to compare with lines elsewhere.

    Args:
        order_mm_s: velocity RMS at `ORDERS`, NaN where not measured, (orders,).
        healthy_mm_s: the same of the healthy machine; None counts the level itself.
        shaft_hz: turns per second.
    """
    before = 0.0 if healthy_mm_s is None else np.nan_to_num(healthy_mm_s)
    growth = np.maximum(np.nan_to_num(order_mm_s) ** 2 - np.square(before), 0.0)
    angular = 2 * math.pi * shaft_hz * np.array(ORDERS)
    return float(np.sqrt(np.sum(growth * angular**2))) / 1000.0


def unexplained_share(finding: RotorFinding, blows_hz: float, shaft_hz: float, step_hz: float) -> float:
    """Return the share of the growth that the lines of a damaged bearing cannot have made, 0 to 1.

    Args:
        finding: what grew.
        blows_hz: how often the bearing is struck.
        shaft_hz: turns per second.
        step_hz: distance of the bins that the orders were measured in.
    """
    harmonics = np.arange(1, BLOW_HARMONICS + 1)[:, None] * blows_hz
    blow_lines = (harmonics + np.arange(-BLOW_SIDEBANDS, BLOW_SIDEBANDS + 1) * shaft_hz).ravel()
    orders_hz = np.array(ORDERS) * shaft_hz
    reach_hz = (1 + LINE_BINS) * step_hz + ORDER_TOLERANCE * orders_hz
    near = np.abs(blow_lines - orders_hz[:, None]).min(axis=1) <= reach_hz
    explained = near & ~np.isin(ORDERS, ROTOR_ORDERS)
    return 1.0 - float(finding.share[explained].sum()) / float(finding.share.sum())


def _forces(growth: FloatArray, noise: FloatArray, shaft_hz: float) -> dict[float, float]:
    """Return the force at each order in any unit: the acceleration that grew over the noise around it."""
    grown_m_s2 = np.sqrt(growth) * 2 * math.pi * shaft_hz * np.array(ORDERS) / 1000.0
    force = grown_m_s2 / np.sqrt(np.maximum(noise, np.finfo(float).tiny))
    return dict(zip(ORDERS, np.nan_to_num(force).tolist(), strict=True))


def _pattern(
    share: dict[float, float], new: dict[float, float], force: dict[float, float] | None, *, rattles: bool | None
) -> tuple[DiagnosisLabel, float]:
    """Return the fault whose pattern the growth follows, and how clearly.

    Where the orders alone are open, the forces decide; then blows in the noise speak for what is loose, and their
    absence for a coupling whose fourth order a resonance lifts. A coupling is named only where nothing rattles.

    Args:
        share: of the growth at each order.
        new: the same at orders that grew clearly, however little they share.
        force: at each order, None where unknown.
        rattles: whether the noise comes in blows once per turn; None where that is open.
    """
    label, confidence = _pattern_of_orders(share, new, is_quiet=rattles is False)
    says_coupling = label is DiagnosisLabel.MISALIGNMENT
    at_most = COUPLING_FORCE_LIFTED if _is_lifted(share) else COUPLING_FORCE_AT_MOST
    goes_beyond = force is not None and _high_force(force) > at_most
    if label is not DiagnosisLabel.UNCERTAIN and not (says_coupling and (goes_beyond or rattles is not False)):
        return label, confidence
    by_force = None if force is None else _pattern_of_forces(share, new, force, rattles=rattles)
    if by_force is not None:
        return by_force, FORCE_CONFIDENCE
    # A blow pushes at every order: one or two that grew alone are something else, whatever rattles.
    several = sum(part > 0 or order in new for order, part in share.items()) >= LOOSE_HARMONICS
    if rattles and not says_coupling and several:
        return DiagnosisLabel.LOOSENESS, RATTLE_CONFIDENCE
    return DiagnosisLabel.UNCERTAIN, 0.3


def _pattern_of_forces(
    share: dict[float, float], new: dict[float, float], force: dict[float, float], *, rattles: bool | None
) -> DiagnosisLabel | None:
    """Return what the forces say, None where they leave it open."""
    high = _high_force(force)
    least = BLOW_FORCE_LEAST * max(force[2.0], force[3.0])
    if share[1.0] > IMBALANCE_SHARE:
        beyond = max(part for order, part in force.items() if order != 1.0)
        return DiagnosisLabel.IMBALANCE if beyond < ONCE_FORCE * force[1.0] else None
    if high >= BLOW_FORCE and sum(force[order] > least for order in FORCE_ORDERS) >= LOOSE_HARMONICS:
        return DiagnosisLabel.LOOSENESS
    if rattles:
        return DiagnosisLabel.LOOSENESS if high > COUPLING_FORCE_CLEAR else None
    goes_on = any(order >= FAR_ORDER or order != int(order) for order in new)
    # A soft blow on a fast shaft ends at four times a turn as well: where something may rattle, it stays open.
    if goes_on or rattles is None or high > (COUPLING_FORCE_LIFTED if _is_lifted(share) else COUPLING_FORCE):
        return None
    is_bent = force[2.0] > COUPLING_SECOND * max(force[3.0], force[4.0])
    coupling = share[2.0] + share[3.0] + share[4.0]
    return DiagnosisLabel.MISALIGNMENT if is_bent and coupling > SECOND_CLEAR * share[1.0] else None


def _is_lifted(share: dict[float, float]) -> bool:
    """Return whether 3x or 4x grew far more than 2x."""
    return share[2.0] < SECOND_SMALL * (share[3.0] + share[4.0])


def _high_force(force: dict[float, float]) -> float:
    """Return the forces beyond a coupling's orders together, relative to the stronger of 2x and 3x."""
    return sum(force[order] for order in FORCE_ORDERS) / max(force[2.0], force[3.0], float(np.finfo(float).tiny))


def _pattern_of_orders(
    share: dict[float, float], new: dict[float, float], *, is_quiet: bool
) -> tuple[DiagnosisLabel, float]:
    """Return what the shares of growth at the orders say by themselves, and how clearly."""
    first, second, third, fourth = share[1.0], share[2.0], share[3.0], share[4.0]
    higher = [share[order] for order in ORDERS if order >= HIGH_ORDER]
    halves = sum(share[order] for order in HALF_ORDERS)
    many = sum(part > 0 for part in higher)
    is_once = first > IMBALANCE_SHARE
    high = {} if is_once else {order: part for order, part in new.items() if order >= HIGH_ORDER}
    is_blow = len(high) >= FAINT_HARMONICS and sum(high.values()) >= FAINT_TOGETHER
    new_halves = _count_halves(new)
    # One half order alone may be the cage's, which goes round about 0.4 times a turn, or something else near it.
    are_strong = sum(share[order] > 0 for order in HALF_ORDERS) >= HALVES and halves > HALF_SHARE
    by_halves = (new_halves >= HALVES and not is_once) or (are_strong and first + second + third > halves)
    is_many = many >= LOOSE_HARMONICS and sum(higher) + halves > LOOSE_SHARE
    is_comb = is_many and sum(higher) - max(higher) + halves > LOOSE_REST
    if by_halves or is_comb or is_blow:
        return DiagnosisLabel.LOOSENESS, min(0.95, 0.55 + halves + 0.4 * sum(higher))
    goes_on = is_many or len(high) >= FAINT_HARMONICS or max(high, default=0.0) >= FAR_ORDER
    if goes_on or new_halves >= HALVES or halves > HALF_DOUBTFUL:
        return DiagnosisLabel.UNCERTAIN, 0.3
    coupling = second + third + fourth
    is_lifted = second + third <= fourth
    is_bent = second > (SECOND_OF_LIFTED if is_quiet and is_lifted else SECOND_OF_COUPLING) * coupling
    is_bent &= is_quiet or not is_lifted
    if coupling > SECOND_CLEAR * first and is_bent:
        return DiagnosisLabel.MISALIGNMENT, min(0.95, 0.55 + 0.4 * min(1.0, coupling / max(first, 1e-9)))
    if is_once and second < SECOND_NONE * first:
        return DiagnosisLabel.IMBALANCE, min(0.95, 0.3 + 0.65 * first)
    return DiagnosisLabel.UNCERTAIN, 0.3


def _count_halves(new: dict[float, float]) -> int:
    return sum(order != int(order) for order in new)


def _detail(now: FloatArray, before: FloatArray | None, grown: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    """Return the orders that grew most, as "1x from 0.4 to 3.1 mm/s"."""
    ranked = sorted(np.flatnonzero(grown), key=lambda index: -now[index])[:4]
    if before is None:
        return ", ".join(f"{ORDERS[index]:g}x at {now[index]:.2g} mm/s" for index in ranked)
    return ", ".join(f"{ORDERS[index]:g}x from {before[index]:.2g} to {now[index]:.2g} mm/s" for index in ranked)
