"""Which frequencies a bearing produces when one of its parts is damaged.

A bearing's geometry fixes, per turn of the shaft, how often a ball passes a point of the outer race (BPFO), of the
inner race (BPFI), how often a ball spins (BSF) and how often the cage goes round (FTF). These four *orders* are all
the diagnosis needs. They come by name from `bearings.csv`, the small library beside this file, whose every row names
its source, or are written where a name would stand: a geometry (`balls=9,ball=7.94,pitch=39.04,angle=0`, lengths in
any unit) or the orders of a maker's table (`bpfo=3.585,bpfi=5.415,bsf=2.357,ftf=0.398`).

Makers change the inside of a bearing under one designation, so the library holds what somebody measured with, no
more; a bearing that is not in it is better given by its maker's numbers than by a similar one.
"""

from __future__ import annotations

import csv
import difflib
import functools
import math
import re
from dataclasses import dataclass
from importlib import resources
from typing import Final

from models.contract.errors import InputError

LIBRARY_FILE: Final = "bearings.csv"
ORDER_WORDS: Final = frozenset({"bpfo", "bpfi", "bsf", "ftf"})
GEOMETRY_WORDS: Final = frozenset({"balls", "ball", "pitch"})
STEEPEST_ANGLE_DEG: Final = 89.0
"""A contact angle of 90° is an axial bearing, whose balls pass both rings at the same rate."""
MAX_ORDER: Final = 200.0
"""No bearing has more than some hundred rolling elements; beyond this a number is a frequency typed as an order."""


class BearingError(InputError):
    """A bearing that is not in the library, or a geometry that no bearing can have."""


@dataclass(frozen=True, slots=True)
class Bearing:
    """The defect orders of one bearing, per shaft turn.

    Attributes:
        name: as people know it.
        bpfo: ball pass order of the outer race.
        bpfi: ball pass order of the inner race.
        bsf: ball spin order; a damaged ball hits both races, so it shows at twice this order.
        ftf: cage order (fundamental train).
    """

    name: str
    bpfo: float
    bpfi: float
    bsf: float
    ftf: float

    def __post_init__(self) -> None:
        """Refuse orders that no bearing can have."""
        for word, order in (("BPFO", self.bpfo), ("BPFI", self.bpfi), ("BSF", self.bsf), ("FTF", self.ftf)):
            if not (math.isfinite(order) and 0.0 < order <= MAX_ORDER):
                raise BearingError(
                    f"bearing {self.name}: {word} is {order:g} orders; give turns per shaft turn, above 0 and below "
                    f"{MAX_ORDER:g} (a frequency in Hz divided by the shaft's)"
                )

    @classmethod
    def from_geometry(
        cls, name: str, balls: int, ball_diameter: float, pitch_diameter: float, contact_angle_deg: float = 0.0
    ) -> Bearing:
        """Return the defect orders of a bearing with a turning inner ring and a fixed outer ring.

        Args:
            name: as people know it.
            balls: rolling elements in one row.
            ball_diameter: in any unit of length.
            pitch_diameter: in the same unit, through the balls' centres.
            contact_angle_deg: 0 for a deep groove ball bearing under radial load.

        Raises:
            BearingError: fewer than 3 balls, balls that are larger than their circle or overlap on it, or an angle that
                is none.

        Source: R. B. Randall, Vibration-based Condition Monitoring, Wiley 2011, section 2.2.3.

        >>> bearing = Bearing.from_geometry("6205-2RS JEM", 9, 0.3126, 1.537)
        >>> [round(order, 4) for order in (bearing.bpfo, bearing.bpfi, 2 * bearing.bsf, bearing.ftf)]
        [3.5848, 5.4152, 4.7134, 0.3983]
        """
        if balls < 3 or not 0.0 < ball_diameter < pitch_diameter:
            raise BearingError(
                f"bearing {name}: {balls} balls of {ball_diameter:g} on a circle of {pitch_diameter:g} do not fit; "
                "give at least 3 balls, smaller than the pitch circle"
            )
        if balls * math.asin(ball_diameter / pitch_diameter) > math.pi:
            raise BearingError(
                f"bearing {name}: {balls} balls of {ball_diameter:g} do not fit side by side on a circle of "
                f"{pitch_diameter:g}; check the diameters (a radius, or another unit?)"
            )
        if not 0.0 <= contact_angle_deg <= STEEPEST_ANGLE_DEG:
            raise BearingError(f"bearing {name}: a contact angle of {contact_angle_deg:g}° cannot be; give 0 to 89")
        ratio = ball_diameter / pitch_diameter * math.cos(math.radians(contact_angle_deg))
        return cls(
            name=name,
            bpfo=balls / 2 * (1 - ratio),
            bpfi=balls / 2 * (1 + ratio),
            bsf=pitch_diameter / (2 * ball_diameter) * (1 - ratio**2),
            ftf=(1 - ratio) / 2,
        )


@dataclass(frozen=True, slots=True)
class LibraryRow:
    """One bearing of the library with everything it may be called and where its geometry comes from."""

    bearing: Bearing
    aliases: tuple[str, ...]
    source: str


@functools.cache
def bearing_library() -> tuple[LibraryRow, ...]:
    """Return the bearings of `bearings.csv` in the order of the file."""
    text = resources.files("models.diagnosis").joinpath(LIBRARY_FILE).read_text(encoding="utf-8")
    return tuple(
        LibraryRow(
            bearing=Bearing.from_geometry(
                row["name"],
                int(row["balls"]),
                float(row["ball_diameter"]),
                float(row["pitch_diameter"]),
                float(row["contact_angle_deg"]),
            ),
            aliases=tuple(alias for alias in row["aliases"].split("|") if alias),
            source=row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def find_bearing(name: str) -> Bearing:
    """Return a bearing by what people write: a name of the library, a geometry, or orders.

    Args:
        name: a name or alias of the library (spaces, dashes and case do not matter), or `balls=`, `ball=`, `pitch=` and
            perhaps `angle=` (degrees), or `bpfo=`, `bpfi=`, `bsf=` and `ftf=`, with commas between them.

    Raises:
        BearingError: no such bearing; names the nearest ones. A geometry or orders that no bearing can have.

    >>> find_bearing("skf 6205").name
    '6205-2RS JEM'
    >>> round(find_bearing("balls=9, ball=0.3126, pitch=1.537").bpfo, 4)
    3.5848
    >>> find_bearing("bpfo=3.585,bpfi=5.415,bsf=2.357,ftf=0.398").bpfi
    5.415
    """
    if "=" in name:
        return _from_numbers(name)
    known = {_plain(word): row.bearing for row in bearing_library() for word in (*row.aliases, row.bearing.name)}
    found = known.get(_plain(name))
    if found is not None:
        return found
    spelled = {_plain(word): word for row in bearing_library() for word in (*row.aliases, row.bearing.name)}
    near = difflib.get_close_matches(_plain(name), list(spelled), n=3, cutoff=0.4)
    hint = ", ".join(dict.fromkeys(spelled[word] for word in near)) or ", ".join(
        row.bearing.name for row in bearing_library()
    )
    raise BearingError(
        f"bearing {name!r} is not in the library; nearest: {hint}. "
        "Or give its orders per shaft turn: BPFO, BPFI, BSF, FTF; or its geometry: balls=…,ball=…,pitch=…,angle=…"
    )


def _from_numbers(text: str) -> Bearing:
    """Return a bearing that is given by its geometry or its orders."""
    numbers: dict[str, float] = {}
    for part in text.split(","):
        word, _, value = part.partition("=")
        try:
            numbers[word.strip().lower()] = float(value)
        except ValueError:
            numbers[word] = math.nan
        if not all(map(math.isfinite, numbers.values())):
            raise BearingError(f"bearing {text!r}: {part.strip()!r} is not a word with a number, like balls=9")
    given = numbers.keys()
    if given == ORDER_WORDS:
        return Bearing(text, numbers["bpfo"], numbers["bpfi"], numbers["bsf"], numbers["ftf"])
    if given - {"angle"} != GEOMETRY_WORDS:
        raise BearingError(
            f"bearing {text!r}: give balls=…,ball=…,pitch=… and perhaps angle=…, or bpfo=…,bpfi=…,bsf=…,ftf=…"
        )
    if numbers["balls"] != round(numbers["balls"]):
        raise BearingError(f"bearing {text!r}: {numbers['balls']:g} balls are not a whole number")
    balls, angle = int(numbers["balls"]), numbers.get("angle", 0.0)
    return Bearing.from_geometry(text, balls, numbers["ball"], numbers["pitch"], angle)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
