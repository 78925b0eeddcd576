"""No row of the log, its anchors or decisions is put in another's place: INSERT OR REPLACE passes SQLite's triggers.

Entries of the log have keyed digests from this form on; what stood before is adopted by `sooner upgrade`.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

_SAME = {
    "audit": "chain = NEW.chain AND number = NEW.number",
    "anchors": "id = NEW.id",
    "decisions": "id = NEW.id OR key = NEW.key OR (referral = NEW.referral AND version = NEW.version)",
}


def upgrade() -> None:
    """Refuse an insert where the row is there already; PostgreSQL's triggers see every way of changing one."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for table, same in _SAME.items():
        op.execute(
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608  # names of our own tables
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "
            f"BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: rows of {table} can only be added'); END"
        )
