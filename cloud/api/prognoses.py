"""How long a machine has, as the API says it; part of the documents of a machine and of an alarm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from cloud.api.context import ApiContext, iso
from cloud.api.documents import DaysToLimit, PrognosisItem

if TYPE_CHECKING:
    from cloud.book.tables import Machine
    from cloud.prognosis import Prognosis
    from models.prognosis.forecast import Forecast

DAY_S: Final = 86_400.0
DIGITS: Final = 4
"""Of days: nine seconds, less than any summary is long."""


def prognosis_items(context: ApiContext, machine: Machine) -> list[PrognosisItem]:
    """Return what can be said of a machine's trends, the most pressing first."""
    return [_item(one) for one in context.prognoses.of(machine, context.trends, context.engine)]


def _item(prognosis: Prognosis) -> PrognosisItem:
    told = prognosis.forecast
    return PrognosisItem(
        feature=prognosis.feature,
        limit=round(prognosis.limit, DIGITS),
        unit=prognosis.unit,
        days_to_limit=_days(told) if told.is_number else None,
        sentence=prognosis.sentence,
        reason=told.reason.value,
        from_time=None if told.onset_s is None else iso(round(told.onset_s * 1000.0)),
        at=iso(round(told.last_s * 1000.0)) if math.isfinite(told.last_s) else None,
        model=told.course,
    )


def _days(told: Forecast) -> DaysToLimit:
    return DaysToLimit(
        median=round(told.median_s / DAY_S, DIGITS),
        low=round(told.low_s / DAY_S, DIGITS),
        high=round(told.high_s / DAY_S, DIGITS) if math.isfinite(told.high_s) else None,
        level=told.level,
    )
