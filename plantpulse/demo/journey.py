"""What a data directory was begun with, so that the next demo in it goes on instead of mixing two plants."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.contract.errors import InputError
from plantpulse.demo.plant import DEFAULT_SPEED, simulated_story, start_of_time_lapse
from plantpulse.demo.recorded import recorded_story

if TYPE_CHECKING:
    from plantpulse.demo.story import Story

_FILE: Final = "demo.json"


class JourneyError(InputError):
    """A data directory that holds something else than what was asked for."""


@dataclass(frozen=True, slots=True)
class Journey:
    """What a demo was asked for when its data directory was new.

    Attributes:
        seed: of the plant.
        begun: wall time, ISO 8601 with zone.
        healthy: nothing fails.
        recordings: folder that is played, or None for the simulated plant.
        speed: of the time-lapse, or None for the usual one.
        resumed: whether it was read from the directory.
    """

    seed: int
    begun: str
    healthy: bool
    recordings: str | None
    speed: float | None
    resumed: bool = False

    def story(self, *, unit: str | None = None) -> Story:
        """Return the story; the same one every time.

        Args:
            unit: of recordings that do not state theirs.
        """
        if self.recordings is not None:
            return recorded_story(Path(self.recordings), self.seed, speed=self.speed, unit=unit)
        speed = self.speed or DEFAULT_SPEED
        start = start_of_time_lapse(datetime.fromisoformat(self.begun), speed)
        return simulated_story(self.seed, healthy=self.healthy, start=start, speed=speed)


def remembered_journey(data_dir: Path, asked: Journey, *, seed_was_asked: bool) -> Journey:
    """Return the journey that was begun in a directory, or begin the one that is asked for.

    Raises:
        JourneyError: the directory holds another plant, or its memory cannot be read.
    """
    path = data_dir / _FILE
    if not path.exists():
        text = json.dumps({key: value for key, value in asdict(asked).items() if key != "resumed"}, indent=2)
        path.write_text(text + "\n", encoding="utf-8")
        return asked
    try:
        begun = Journey(**json.loads(path.read_text(encoding="utf-8")), resumed=True)
    except (OSError, ValueError, TypeError) as error:
        raise JourneyError(f"{path}: cannot be read ({error}); choose another --data-dir or remove it") from error
    if seed_was_asked and asked.seed != begun.seed:
        raise JourneyError(
            f"{data_dir} holds the demo of seed {begun.seed}: leave out --seed or choose another --data-dir"
        )
    if (asked.recordings, asked.healthy) != (begun.recordings, begun.healthy):
        kind = begun.recordings or ("a healthy plant" if begun.healthy else "a degrading plant")
        raise JourneyError(f"{data_dir} holds a demo of {kind}: ask for the same or choose another --data-dir")
    return replace(begun, speed=asked.speed or begun.speed)
