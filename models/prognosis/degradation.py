"""How well each explanation of a trend stands: an onset, a course of growth and a kind of noise, or no growth at all.

The model is flat until an onset and grows from there by a course of fixed form and unknown amount, in the values or in
their logarithm, with one of the noises of `noise` throughout. Given onset, course and noise everything is linear and
Gaussian, so that level, amount and the evidence for them are closed forms; the rest is a sum over a grid. Nothing is
picked: explanations count by how probable the data make them, so that what a trend leaves open widens the interval.

Whether noise is of one size (values) or grows with the level (logarithms) is no statement about the course: both have
straight and accelerating ones. Wear accelerates (Paris' law of cracks), and half a rise cannot tell by how much.

The amount has a prior as wide as the data of one point would allow (unit information, variance n times that of the
estimate), the level a flat one, the strength of noise Jeffreys' one.

Source: Gebraeel et al., Residual-life distributions from component degradation signals: a Bayesian approach, IIE
Transactions 37 (2005) (exponential growth with Brownian error, updated by Bayes); Kass and Wasserman, A reference
Bayesian test for nested hypotheses, JASA 90 (1995) (unit information prior).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from models.prognosis.courses import COURSES
from models.prognosis.noise import Noises, noises_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.prognosis.courses import Course, Curve

ONSETS: Final = 24
"""Onsets that are tried, evenly spread; between two of them lie two or three of 64 points."""
RISING_POINTS: Final = 8
"""Points after the latest onset. A course through fewer says nothing about its noise."""
STEP_POINTS: Final = 2
"""Points on both sides of a step; one alone is a spike."""


@dataclass(frozen=True, slots=True)
class Design:
    """What does not depend on the values: every noise, onset and course at the times of a trend.

    Attributes:
        points: times from 0, the last is one less than there are of them.
        onsets: in points, (onsets,).
        noises: every kind.
        one: a constant, whitened, (kinds, n).
        rises: of every curve, whitened and without their share of the constant, by curve, (kinds, n, onsets).
        energy: sums of their squares, by curve, (kinds, onsets).
        mean_rise: the share that was taken out, by curve, (kinds, onsets).
        by_rise: weight of the amount in the level at the last time, by curve, (kinds, onsets).
        steps, step_energy: the same of a step to a new level that stays, (kinds, n, places), (kinds, places).
        by_one: weight of the first level in it, (kinds,).
        now: covariance of the walk at the last time with every point, whitened, (kinds, n).
    """

    points: NDArray[np.float64]
    onsets: NDArray[np.float64]
    noises: Noises
    one: NDArray[np.float64]
    rises: dict[Curve, NDArray[np.float64]]
    energy: dict[Curve, NDArray[np.float64]]
    mean_rise: dict[Curve, NDArray[np.float64]]
    by_rise: dict[Curve, NDArray[np.float64]]
    steps: NDArray[np.float64]
    step_energy: NDArray[np.float64]
    by_one: NDArray[np.float64]
    now: NDArray[np.float64]


def design_at(points: NDArray[np.float64]) -> Design:
    """Return every noise, onset and course at these times.

    Args:
        points: (n,) ascending from 0, in points.
    """
    # Features of one machine share their times, and the algebra of the times is most of the work.
    return _design(np.round(points, 3).tobytes())


@lru_cache(maxsize=8)
def _design(times: bytes) -> Design:
    points = np.frombuffer(times, np.float64)
    onsets = points[np.unique(np.linspace(0, len(points) - RISING_POINTS, ONSETS).astype(int))]
    noises = noises_at(points)
    white_of = noises.whitening
    one = white_of.sum(axis=2)
    ones = np.einsum("kn,kn->k", one, one)
    now = np.einsum("knm,km->kn", white_of, noises.now)
    share = np.maximum(points[:, None] - onsets[None, :], 0.0) / (points[-1] - onsets)[None, :]
    rises, energy, mean_rise, by_rise = {}, {}, {}, {}
    for curve in dict.fromkeys(course.curve for course in COURSES):
        white = white_of @ curve(share)
        mean_rise[curve] = np.einsum("kn,kno->ko", one, white) / ones[:, None]
        by_rise[curve] = 1.0 - np.einsum("kno,kn->ko", white, now)
        rises[curve] = white - mean_rise[curve][:, None, :] * one[:, :, None]
        energy[curve] = np.einsum("kno,kno->ko", rises[curve], rises[curve])
    steps = white_of @ np.tril(np.ones((len(points), len(points))))[:, STEP_POINTS : 1 - STEP_POINTS]
    steps = steps - (np.einsum("kn,kno->ko", one, steps) / ones[:, None])[:, None, :] * one[:, :, None]
    step_energy = np.einsum("kno,kno->ko", steps, steps)
    by_one = 1.0 - np.einsum("kn,kn->k", one, now)
    return Design(points, onsets, noises, one, rises, energy, mean_rise, by_rise, steps, step_energy, by_one, now)


@dataclass(frozen=True, slots=True)
class Explanations:
    """Every onset with every noise for one course; amounts are those of the whole rise up to now.

    Attributes:
        course: of all of them.
        log_evidence: of growth, (kinds, onsets), on a scale that all courses share.
        log_evidence_of_none: of no growth, (kinds,).
        log_evidence_of_step: of a level that is another one since some point, and does not grow, (kinds, places).
        amount: its mean, (kinds, onsets).
        amount_spread: its variance in variances of the white noise, (kinds, onsets).
        squares: of what is left, for the strength of the noise, (kinds, onsets).
        level_now, level_by_amount: the level at the last time is the first plus the second times the deviation of the
            amount from its mean, (kinds, onsets).
        level_spread: its variance beyond that, in variances of the white noise, (kinds,).
        freedom: degrees of freedom of the noise's strength.
    """

    course: Course
    log_evidence: NDArray[np.float64]
    log_evidence_of_none: NDArray[np.float64]
    log_evidence_of_step: NDArray[np.float64]
    amount: NDArray[np.float64]
    amount_spread: NDArray[np.float64]
    squares: NDArray[np.float64]
    level_now: NDArray[np.float64]
    level_by_amount: NDArray[np.float64]
    level_spread: NDArray[np.float64]
    freedom: int


def explain(values: NDArray[np.float64], design: Design, course: Course) -> Explanations:
    """Return how well every onset with every noise explains the values, growing on this course.

    Args:
        values: (n,), above zero for courses in logarithms.
        design: at their times.
        course: of growth.
    """
    data = np.log(values) if course.in_logarithms else values
    # The evidence for logarithms is one for values by the derivative of the logarithm.
    jacobian = -float(data.sum()) if course.in_logarithms else 0.0
    noises, one, curve = design.noises, design.one, course.curve
    n, ones = len(values), np.einsum("kn,kn->k", one, one)
    white = noises.whitening @ data
    mean = np.einsum("kn,kn->k", one, white) / ones
    left = white - mean[:, None] * one
    tiny = np.finfo(np.float64).tiny
    squares_of_none = np.maximum(np.einsum("kn,kn->k", left, left), tiny)
    energy, shrink = design.energy[curve], n / (1.0 + n)
    estimate = np.einsum("kno,kn->ko", design.rises[curve], left) / energy
    squares = np.maximum(squares_of_none[:, None] - shrink * estimate**2 * energy, tiny)
    amount = shrink * estimate
    by_step = shrink * np.square(np.einsum("kno,kn->ko", design.steps, left)) / design.step_energy
    squares_of_step = np.maximum(squares_of_none[:, None] - by_step, tiny)
    shared = -0.5 * noises.log_determinants - 0.5 * np.log(ones) + jacobian
    by_amount = design.by_rise[curve] - design.by_one[:, None] * design.mean_rise[curve]
    now = design.now
    return Explanations(
        course,
        shared[:, None] - 0.5 * np.log(1.0 + n) - 0.5 * (n - 1) * np.log(squares),
        shared - 0.5 * (n - 1) * np.log(squares_of_none),
        shared[:, None] - 0.5 * np.log(1.0 + n) - 0.5 * (n - 1) * np.log(squares_of_step),
        amount,
        shrink / energy,
        squares,
        (design.by_one * mean + np.einsum("kn,kn->k", now, white))[:, None] + by_amount * amount,
        by_amount,
        design.by_one**2 / ones + np.maximum(noises.spread_now - np.einsum("kn,kn->k", now, now), 0.0),
        n - 1,
    )
