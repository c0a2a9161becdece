"""Run runtimes under another interpreter; run by its path, prints one JSON object (`test_tflite_runtime`).

For each file in a folder and each runtime that is named: what was refused and why, or that it ran, with the answers in
`<runtime>.npz` under the file's name. Imports what needs neither plantpulse's dependencies nor numpy 2.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent.parent))

import numpy as np

from models.runtimes.errors import NetworkError
from models.runtimes.table import load_network


def main(folder: Path, runtimes: list[str]) -> None:
    """Load and run every file of the folder."""
    rows = np.load(folder / "rows.npy")
    said: dict[str, object] = {"numpy version": np.__version__}
    for runtime in runtimes:
        outcomes, answers = {}, {}
        for file in sorted(folder.glob("*.tflite")):
            # On standard error, so that whatever happens next the culprit is known.
            print(runtime, file.name, file=sys.stderr, flush=True)
            try:
                network = load_network(file.read_bytes(), runtime)
                with np.errstate(all="ignore"):
                    answers[file.name] = network.run(np.resize(rows, (len(rows), network.inputs)))
                outcomes[file.name] = "ran"
            except NetworkError as error:
                outcomes[file.name] = str(error)
        np.savez(folder / f"{runtime}.npz", **answers)
        said[runtime] = outcomes
    print(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
