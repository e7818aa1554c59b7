"""Alembic runs this to migrate over the connection that `database.upgrade` hands it."""

from __future__ import annotations

from alembic import context

from dicomnode.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
