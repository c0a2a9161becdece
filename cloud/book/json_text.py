"""JSON as the book keeps it, the same in both databases.

PostgreSQL refuses NaN and infinities, which are no JSON; SQLite would keep what Python writes for them. Both get null.
"""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(value: Any) -> str:
    """Return JSON; numbers that are not finite become null.

    >>> json_text({"snr_db": float("inf"), "order": 3.58})
    '{"snr_db": null, "order": 3.58}'
    """
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
