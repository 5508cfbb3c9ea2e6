"""Alembic's entry: runs the migrations on the connection that the store hands over."""

from alembic import context

from buzz.edges.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=context.config.attributes.get("render_item"),
)
with context.begin_transaction():
    context.run_migrations()
