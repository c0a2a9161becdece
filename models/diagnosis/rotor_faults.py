"""Imbalance, misalignment and looseness, from vibration velocity at the orders of the shaft.

With a healthy fingerprint the question is what *grew*, and where: the mean-square growth at each order is shared out.
Growth at 1x alone is imbalance; with a good part at 2x (and 3x) misalignment; along many harmonics or at half orders
looseness. Without a fingerprint every machine has its own pattern, so nothing is named unless the velocity is bad by
ISO 20816-3, and then the shares of the level itself are read the same way. Shares between two patterns are not
decided: the finding is uncertain.

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
GROWN_SHARE: Final = 0.25
"""Nor is growth below this share of what was there over all orders."""
IMBALANCE_SHARE: Final = 0.75
"""Share of 1x in the growth that makes it imbalance."""
SECOND_CLEAR: Final = 0.2
"""2x with this share of the growth of 1x (45 % in amplitude) makes it misalignment."""
SECOND_NONE: Final = 0.1
"""2x below this share (32 % in amplitude) leaves imbalance alone."""
LOOSE_HARMONICS: Final = 4
"""So many of the orders 3 to 10 must have grown for looseness."""
LOOSE_SHARE: Final = 0.15
"""And hold this share of the growth together with the half orders."""
HALF_SHARE: Final = 0.08
"""Half orders with this share of the growth show looseness by themselves: nothing else makes them."""
LINE_SHARE: Final = 0.005
"""An order counts as grown only with this share of all growth: a trifle may grow by any factor."""
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
        detail: which orders, in words with numbers.
        lines: one per order that matters.
    """

    label: DiagnosisLabel
    confidence: float
    grown_mm_s: float
    share: FloatArray
    detail: str
    lines: tuple[EvidenceLine, ...]


def judge_rotor(order_mm_s: FloatArray, healthy_mm_s: FloatArray | None, shaft_hz: float) -> RotorFinding | None:
    """Return what grew at the orders of the shaft, or None when nothing did.

    Args:
        order_mm_s: velocity RMS at `ORDERS`, NaN where not measured, (orders,).
        healthy_mm_s: the same of the healthy machine; None judges the level itself, which the caller has found bad.
        shaft_hz: turns per second.
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
    label, confidence = _pattern(dict(zip(ORDERS, share.tolist(), strict=True)))
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
    return RotorFinding(label, confidence, math.sqrt(total), share, detail, lines)


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


def _pattern(share: dict[float, float]) -> tuple[DiagnosisLabel, float]:
    """Return the fault whose pattern the shares of growth follow, and how clearly."""
    first, second, third = share[1.0], share[2.0], share[3.0]
    higher = [share[order] for order in ORDERS if order >= 3 and order == int(order)]
    halves = share[0.5] + share[1.5] + share[2.5]
    many = sum(part > 0 for part in higher)
    if halves > HALF_SHARE or (many >= LOOSE_HARMONICS and sum(higher) + halves > LOOSE_SHARE):
        return DiagnosisLabel.LOOSENESS, min(0.95, 0.55 + halves + 0.4 * sum(higher))
    if second > SECOND_CLEAR * max(first, 1e-9) and second + third > first * SECOND_CLEAR and second >= third:
        return DiagnosisLabel.MISALIGNMENT, min(0.95, 0.55 + 0.4 * min(1.0, second / max(first, 1e-9)))
    if first > IMBALANCE_SHARE and second < SECOND_NONE * first:
        return DiagnosisLabel.IMBALANCE, min(0.95, 0.3 + 0.65 * first)
    return DiagnosisLabel.UNCERTAIN, 0.3


def _detail(now: FloatArray, before: FloatArray | None, grown: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    """Return the orders that grew most, as "1x from 0.4 to 3.1 mm/s"."""
    ranked = sorted(np.flatnonzero(grown), key=lambda index: -now[index])[:4]
    if before is None:
        return ", ".join(f"{ORDERS[index]:g}x at {now[index]:.2g} mm/s" for index in ranked)
    return ", ".join(f"{ORDERS[index]:g}x from {before[index]:.2g} to {now[index]:.2g} mm/s" for index in ranked)
