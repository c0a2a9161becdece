"""When the limit is reached, drawn from every explanation of a trend that the data left standing.

Each draw picks an explanation by its probability, then the strength of the noise, the amount of growth and the level of
now from what the data say about them, then the time of first passage: where the course says so if noise is only
measured, inverse Gaussian around it where the state itself walks. Quantiles of the draws are the interval.

Source: Si et al. 2011, section 3.2 (first passage of a Wiener process with drift is inverse Gaussian); Chhikara and
Folks, The Inverse Gaussian Distribution, 1989, section 2.1 (a process that drifts away arrives with probability
exp(-2 |slope| distance / variance)).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.prognosis.degradation import Design, Explanations

DRAWS: Final = 2_000
"""The 5 % quantile of so many draws is uncertain by half a percent of probability."""
PACE: Final = math.log(2.0)
"""Standard deviation of the logarithm of the pace of the way ahead, over as long as the rise was seen: half or double
is nothing unusual, as nothing obliges wear to keep its course. Of bearings run to failure (IMS) intervals of 90 %
contained 12 of 33 crossings without it and 23 with it, of simulated wear that changes its pace 80 and 93 %. Wear that
does keep its course pays for it: its intervals contain 97 %."""
SEED: Final = 20_816
"""The same trend must always say the same."""


def crossing_points(explanations: Sequence[Explanations], design: Design, limit: float) -> NDArray[np.float64]:
    """Return drawn times until the limit is reached, in points from the last one; infinite where it never is.

    Args:
        explanations: of every course.
        design: of the trend.
        limit: in the unit of the values, above zero where growth may be in logarithms.

    Returns:
        Times (draws,), 0 where the level is there already.
    """
    chance = np.random.default_rng(SEED)
    normal = chance.standard_normal((2, DRAWS))
    strength = chance.chisquare(explanations[0].freedom, DRAWS)
    weights = np.stack([one.log_evidence for one in explanations])
    total = np.cumsum(np.exp(weights - weights.max()).ravel())
    picked = np.searchsorted(total, (np.arange(DRAWS) + 0.5) / DRAWS * total[-1])
    course, kind, onset = np.unravel_index(picked, weights.shape)
    straight, distance, slope = np.empty(DRAWS), np.empty(DRAWS), np.empty(DRAWS)
    step = np.empty(DRAWS)
    rise = design.points[-1] - design.onsets[onset]
    for number, one in enumerate(explanations):
        mine = np.flatnonzero(course == number)
        at = kind[mine], onset[mine]
        variance = one.squares[at] / strength[mine]
        deviation = normal[0, mine] * np.sqrt(variance * one.amount_spread[at])
        amount = one.amount[at] + deviation
        spread = np.sqrt(variance * one.level_spread[kind[mine]])
        level = one.level_now[at] + one.level_by_amount[at] * deviation + normal[1, mine] * spread
        goal = np.log(limit) if one.course.in_logarithms else limit
        distance[mine] = goal - level
        step[mine] = variance * design.noises.walk[kind[mine]]
        share = one.course.inverse(1.0 + distance[mine] / np.where(amount > 0, amount, np.inf))
        straight[mine] = np.where(amount > 0, (share - 1.0) * rise[mine], np.inf)
        slope[mine] = amount * one.course.slope(np.where(amount > 0, share, 1.0)) / rise[mine]
    arrived = first_passage(distance, straight, slope, step, chance)
    # The pace of the way ahead: a walk of its logarithm, at most over as long as the rise was seen.
    unseen = np.sqrt(np.minimum(np.where(np.isfinite(arrived), arrived, 0.0) / rise, 1.0))
    return np.asarray(arrived * np.exp(PACE * unseen * chance.standard_normal(DRAWS)))


def first_passage(
    distance: NDArray[np.float64],
    straight: NDArray[np.float64],
    slope: NDArray[np.float64],
    step_variance: NDArray[np.float64],
    chance: np.random.Generator,
) -> NDArray[np.float64]:
    """Return drawn times at which processes first reach a level, infinite where they never do.

    Args:
        distance: of the level, (n,); not above zero is there already.
        straight: when the course alone reaches it, (n,); infinite where it leads away.
        slope: of the course where it does, (n,); that of now where it leads away.
        step_variance: variance of the walk per unit of time, (n,); 0 goes straight.
        chance: of the draws.
    """
    arrives = chance.random(len(distance))
    tiny = 1e-150
    walk, ahead, speed = np.maximum(step_variance, tiny), np.maximum(distance, tiny), np.maximum(np.abs(slope), tiny)
    mean = np.clip(np.where(np.isfinite(straight), straight, ahead / speed), tiny, 1e150)
    # On a straight course this is distance squared over variance; on a bent one the slope at the limit counts.
    scale = np.clip(np.square(np.minimum(mean * speed, 1e75)) / walk, tiny, 1e150)
    # Where the walk is faint against the way, the inverse Gaussian is its mean.
    times = np.where(scale > 1e12 * mean, mean, chance.wald(mean, scale))
    leads_away = ~np.isfinite(straight)
    never = leads_away & ((step_variance <= 0) | (arrives > np.exp(-2.0 * np.minimum(speed * ahead / walk, 350.0))))
    return np.where(distance <= 0, 0.0, np.where(never, np.inf, times))
