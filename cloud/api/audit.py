"""`/audit`: who did what."""

from typing import Annotated

from fastapi import APIRouter, Query

from cloud.api.context import Context, iso
from cloud.api.cursors import decode_cursor, encode_cursor
from cloud.api.documents import AuditItem, AuditList

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("")
def list_audit(
    context: Context, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> AuditList:
    """Return what people did, newest first."""
    before = int(decode_cursor(cursor, int)[0]) if cursor else None
    rows = context.book.audit(before, limit + 1)
    items = [
        AuditItem(at=iso(row.at_ms), who=row.who, what=row.what, subject=row.subject, detail=row.detail)
        for row in rows[:limit]
    ]
    return AuditList(items=items, next=encode_cursor(rows[limit - 1].key) if len(rows) > limit else None)
