"""How healthy features move together, as a table: rows of many simulated machines that every network learns from.

A few minutes of one machine are too little to learn a network from, and simulating many takes half a minute. So their
standardised features are made once, thinned, and kept beside this file as int8: run
`python -m models.training.healthy_pool`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from models.detectors.autoencoder import INPUT_RANGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE: Final = Path(__file__).with_name("healthy_pool.npz")
ROWS: Final = 2_000
MACHINES: Final = 100
SEED: Final = 13_373
STEP: Final = INPUT_RANGE / 127.0
"""Of an int8; the network's own input resolves no more."""


def healthy_pool() -> NDArray[np.float32]:
    """Return standardised features of healthy machines, float32 (rows, features)."""
    with np.load(FILE, allow_pickle=False) as file:
        return np.asarray(file["rows"], np.float32) * np.float32(STEP)


def main(path: Path = FILE) -> None:
    """Write the table."""
    from models.training.base_autoencoder import healthy_vectors

    rows = healthy_vectors(MACHINES, SEED)
    chosen = np.random.default_rng(SEED).permutation(len(rows))[:ROWS]
    np.savez_compressed(path, rows=np.rint(rows[chosen] / STEP).astype(np.int8))


if __name__ == "__main__":
    main()
