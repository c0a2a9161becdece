"""What machines or points that live together have in common, so that one of them can be judged by what is its own.

A step of the plant (another product, a warmer night, a pump started next door) moves every neighbour at once; a fault
moves one. From the deviations of several members at the same time:

1. `shared_change`: what more than half of them show, in the same direction. One faulty member cannot fake it, and
   with four members two faulty ones cannot either.
2. `without_shared`: each member's deviation with that taken away.
3. `is_shared`: whether what one member shows is explained by the others.

The assumption is that members fail one at a time and that what moves most of them is not a fault. Points of one rotor
break it: imbalance and misalignment shake all of them. For points of one machine the answer may only turn "changed"
into "the process changed" where the change is no fault's; it is never subtracted from a machine's own score unasked.

Source: the plant-wide step in NASA/IMS test 2, which all four bearings show at once; the median of neighbours as in
the median polish of Tukey, Exploratory Data Analysis, 1977, chapter 11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_MEMBERS: Final = 3
"""With two, nobody can say which of them moved."""
EXPLAINED_SHARE: Final = 0.5
"""A deviation of which at least half is shared is the plant's rather than the member's own."""


class NeighboursError(InputError):
    """Deviations that cannot be compared; says which."""


def shared_change(deviations: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return what more than half of the members show at each time, (windows,), in the unit of the deviations.

    >>> calm_then_step = np.array([[0.1, -0.2, 0.0, 0.1], [4.0, 5.0, 4.5, 9.0]])
    >>> shared_change(calm_then_step)
    array([0. , 4.5])
    >>> shared_change(np.array([[0.0, 0.1, 8.0, 9.0]]))  # two of four are no majority
    array([0.1])

    It is the median, and of the two middle values of an even number the one nearer to zero (zero where they disagree
    in sign), so that half of the members never decide.

    Args:
        deviations: (windows, members) how far each member is from its own normal at the same time, positive above;
            standardised (σ), or logarithms where all members scatter alike. NaN: the member is off or was not judged.

    Returns:
        (windows,), 0 where fewer than three members could be compared.

    Raises:
        NeighboursError: not a table of windows by members.
    """
    if deviations.ndim != 2:
        raise NeighboursError(f"deviations of shape {deviations.shape}: expected (windows, members)")
    shared = np.zeros(len(deviations))
    if deviations.shape[1] < FEWEST_MEMBERS or not len(deviations):
        return shared
    usable = np.isfinite(deviations)
    # Sorting puts NaN last, so the first `count` of each row are its members in order.
    ordered = np.sort(np.where(usable, deviations, np.nan).astype(np.float64), axis=1)
    count = usable.sum(axis=1)
    rows = np.flatnonzero(count >= FEWEST_MEMBERS)
    lower = ordered[rows, (count[rows] - 1) // 2]
    upper = ordered[rows, count[rows] // 2]
    nearer = np.where(np.abs(lower) <= np.abs(upper), lower, upper)
    shared[rows] = np.where(lower * upper > 0.0, nearer, 0.0)
    return shared


def without_shared(deviations: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return each member's deviation less what the members share, (windows, members).

    >>> without_shared(np.array([[4.0, 5.0, 4.5, 9.0]])).tolist()
    [[-0.5, 0.5, 0.0, 4.5]]

    Args:
        deviations: as for `shared_change`.

    Raises:
        NeighboursError: as `shared_change`.
    """
    return np.asarray(deviations, np.float64) - shared_change(deviations)[:, None]


def is_shared(deviations: NDArray[np.floating], limit: float) -> NDArray[np.bool_]:
    """Return where a member beyond its limit is so because of what it shares, (windows, members).

    True where the deviation is above the limit, at least half of it is shared, and what is left is below the limit.

    >>> is_shared(np.array([[4.0, 5.0, 4.5, 9.0]]), limit=3.0).tolist()
    [[True, True, True, False]]

    Args:
        deviations: as for `shared_change`.
        limit: above 0; the deviation from which a member on its own would be called changed.

    Raises:
        NeighboursError: as `shared_change`, or the limit is not above 0.
    """
    if not limit > 0.0:
        raise NeighboursError(f"limit {limit}: a change is called one above a limit greater than 0")
    shared = shared_change(deviations)[:, None]
    with np.errstate(invalid="ignore"):
        beyond = deviations >= limit
        explained = (shared >= EXPLAINED_SHARE * deviations) & (deviations - shared < limit)
    return np.asarray(beyond & explained, np.bool_)
