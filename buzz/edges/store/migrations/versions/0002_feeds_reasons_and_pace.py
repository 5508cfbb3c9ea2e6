"""feeds: what a reason is about, and what the interval is learnt from.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("feeds", schema=None) as batch_op:
        batch_op.add_column(sa.Column("detail", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("pace_since", sa.BigInteger(), nullable=True))
        batch_op.add_column(
            sa.Column("pace_posts", sa.Integer(), server_default="0", nullable=False)
        )
        batch_op.add_column(sa.Column("asks_s", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("feeds", schema=None) as batch_op:
        batch_op.drop_column("asks_s")
        batch_op.drop_column("pace_posts")
        batch_op.drop_column("pace_since")
        batch_op.drop_column("detail")
