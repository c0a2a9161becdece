"""Fill an empty data directory with a believable plant, so that the console can be looked at.

python tests/support/seed_cloud.py DATA_DIR && plantpulse cloud serve --config cloud.toml
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def main() -> int:
    """Seed the directory named on the command line."""
    if len(sys.argv) != 2:
        print("usage: python tests/support/seed_cloud.py DATA_DIR", file=sys.stderr)
        return 2
    data_dir = Path(sys.argv[1])
    if (data_dir / "book.sqlite").exists():
        print(f"{data_dir} has a book already: choose an empty directory", file=sys.stderr)
        return 2
    # pytest has these on its path; a script has not.
    tests = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(tests.parent), str(tests)]
    from support.believable_plant import seed

    started_s = time.monotonic()
    seed(data_dir, time.time_ns())
    print(f"{data_dir} seeded in {time.monotonic() - started_s:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
