"""Users, sessions, tokens, and an audit log that shows tampering.

Rows of the audit that are there already get their numbers and hashes in the order in which they were written. From
then on the database itself refuses to change or remove a row; a later migration that has to rebuild the table must
take the triggers away and put them back.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from cloud.book.audit_chain import BEGINNING, Entry, link_hash

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FORBIDDEN = "rows of the audit log are never changed or removed"


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("signed_in_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
    )
    op.create_table(
        "login",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_login_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login")),
    )
    op.create_index(op.f("ix_login_account_id"), "login", ["account_id"], unique=False)
    op.create_table(
        "api_token",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_api_token_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_token_hash")),
    )
    op.create_index(op.f("ix_api_token_account_id"), "api_token", ["account_id"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hash", sa.String(length=64), nullable=False, server_default=""))
    _chain_what_is_there()
    for statement in _triggers(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Take the change back."""
    if op.get_bind().dialect.name == "sqlite":
        for moment in ("update", "delete"):
            op.execute(f"DROP TRIGGER IF EXISTS audit_no_{moment}")
    else:
        op.execute("DROP TRIGGER IF EXISTS audit_no_change ON audit")
        op.execute("DROP TRIGGER IF EXISTS audit_no_truncate ON audit")
        op.execute("DROP FUNCTION IF EXISTS audit_is_append_only()")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_column("hash")
    for table in ("audit_head", "api_token", "login", "account"):
        op.drop_table(table)


def _chain_what_is_there() -> None:
    """Give every row its number and its hash, in the order in which they were written, and write the head."""
    connection = op.get_bind()
    audit = sa.table("audit", *(sa.column(name) for name in ("key", "at_ms", "who", "what", "subject", "hash")))
    detail = sa.column("detail", sa.JSON())
    query = sa.select(audit.c.key, audit.c.at_ms, audit.c.who, audit.c.what, audit.c.subject, detail)
    number, previous = 0, BEGINNING
    for row in connection.execute(query.select_from(audit).order_by(audit.c.key)).all():
        number += 1
        said = json.loads(row.detail) if isinstance(row.detail, str) else row.detail
        previous = link_hash(number, Entry(row.at_ms, row.who, row.what, row.subject, said), previous)
        connection.execute(sa.update(audit).where(audit.c.key == row.key).values(key=number, hash=previous))
    head = sa.table("audit_head", sa.column("id"), sa.column("count"), sa.column("hash"))
    connection.execute(sa.insert(head).values(id=1, count=number, hash=previous))


def _triggers(dialect: str) -> tuple[str, ...]:
    if dialect == "sqlite":
        return tuple(
            f"CREATE TRIGGER audit_no_{moment} BEFORE {moment.upper()} ON audit "
            f"BEGIN SELECT RAISE(ABORT, '{FORBIDDEN}'); END"
            for moment in ("update", "delete")
        )
    function = f"$$ BEGIN RAISE EXCEPTION '{FORBIDDEN}'; END $$"
    refuse = "EXECUTE FUNCTION audit_is_append_only()"
    return (
        f"CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS {function}",
        f"CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit FOR EACH ROW {refuse}",
        f"CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT {refuse}",
    )
