"""`/audit`: who did what, filtered, in pages or as one CSV file."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from cloud.api.context import Context, iso, parse_time
from cloud.api.cursors import decode_cursor, encode_cursor
from cloud.api.documents import AuditItem, AuditList
from cloud.api.guard import permission
from cloud.book.audit_log import AuditFilter, every_row, rows
from cloud.book.tables import Audit
from cloud.permissions import Action

router = APIRouter(prefix="/audit", tags=["audit"])

Word = Annotated[str | None, Query(max_length=200)]
COLUMNS: Final = ("number", "at", "who", "what", "subject", "detail", "hash")

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for something to compute. Source: OWASP, CSV Injection."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The filter in the address."""

    who: Word = None
    what: Annotated[str | None, Query(max_length=64, description="such as alarm.acknowledge, or alarm for all")] = None
    subject: Word = None
    from_time: Annotated[str | None, Query(alias="from")] = None
    to_time: Annotated[str | None, Query(alias="to")] = None

    @property
    def filter(self) -> AuditFilter:
        """Return it with its times read; what is empty is not asked."""
        from_ms, to_ms = parse_time("from", self.from_time or None), parse_time("to", self.to_time or None)
        return AuditFilter(self.who or None, self.what or None, self.subject or None, from_ms, to_ms)


Asked = Annotated[_Asked, Depends()]


@router.get("")
@permission(Action.READ_AUDIT)
def list_audit(
    context: Context, asked: Asked, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> AuditList:
    """Return what people did, newest first."""
    before = int(decode_cursor(cursor, int)[0]) if cursor else None
    found = rows(context.engine, asked.filter, before, limit + 1)
    items = [
        AuditItem(at=iso(row.at_ms), who=row.who, what=row.what, subject=row.subject, detail=row.detail)
        for row in found[:limit]
    ]
    return AuditList(items=items, next=encode_cursor(found[limit - 1].key) if len(found) > limit else None)


@router.get("/export.csv", response_class=StreamingResponse)
@permission(Action.READ_AUDIT)
def export_audit(context: Context, asked: Asked) -> StreamingResponse:
    """Return everything that fits the filter as one file, newest first."""
    found = every_row(context.engine, asked.filter)
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return StreamingResponse(_csv(found), media_type="text/csv; charset=utf-8", headers=headers)


def _csv(found: Iterator[Audit]) -> Iterator[str]:
    yield _line(COLUMNS)
    for row in found:
        detail = json.dumps(row.detail, sort_keys=True, ensure_ascii=False)
        yield _line((str(row.key), iso(row.at_ms), row.who, row.what, row.subject, detail, row.hash))


def _line(cells: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([f"'{cell}" if cell.startswith(FORMULA_SIGNS) else cell for cell in cells])
    return text.getvalue()
