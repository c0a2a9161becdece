"""What the cloud is told of signed delivery; all of it may be left out.

[updates]
passphrase_file = "updates.passphrase"   # encrypts the online keys; left out: file permissions guard them
timestamp_days = 1                       # how long signatures are good
snapshot_days = 7
release_days = 90
offline_days = 365                       # root and targets
"""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

UPDATES: Final = "updates"
"""Where the repository is in the cloud's data directory."""

Days = Annotated[float, Field(gt=0, le=3650)]


class UpdateSettings(BaseModel):
    """How long signatures are good, and how online keys are kept.

    Attributes:
        passphrase_file: its first line encrypts the online keys.
        timestamp_days: a gateway that is kept from news notices after so long; renewed by the running cloud.
        snapshot_days: renewed with it.
        release_days: of the roles that sign models, firmware and configurations.
        offline_days: of root and targets, which a person renews with keys from the safe.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    passphrase_file: Path | None = None
    timestamp_days: Days = 1.0
    snapshot_days: Days = 7.0
    release_days: Days = 90.0
    offline_days: Days = 365.0

    def days(self, role: str) -> float:
        """Return how long signatures of a role are good."""
        match role:
            case "timestamp":
                return self.timestamp_days
            case "snapshot":
                return self.snapshot_days
            case "root" | "targets":
                return self.offline_days
            case _:
                return self.release_days

    def beside(self, folder: Path) -> "UpdateSettings":
        """Return the same with its file found from the folder of the configuration."""
        if self.passphrase_file is None:
            return self
        return self.model_copy(update={"passphrase_file": (folder / self.passphrase_file.expanduser()).resolve()})
