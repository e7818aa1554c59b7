"""The service: what is checked before it runs, and its processes."""

from __future__ import annotations

import structlog

from dicomnode.node import checks
from dicomnode.node.rooms import exclusive, open_stores
from dicomnode.node.supervisor import Shutdown, Supervisor
from dicomnode.settings import Settings
from dicomnode.store.engine import tidy

log = structlog.get_logger()


def serve(settings: Settings, stop: Shutdown) -> None:
    """Run the service until `stop` is set.

    Listens before everything else: images that arrive while the bundles are checked are kept.

    Raises
    ------
    SettingsError, PermanentError
        If a check finds an error, the data folder or database cannot be used, or a process cannot be
        started.
    ServiceRunningError
        If another service uses the data folder.
    """
    remarks = checks.require(settings, checks.machine())
    with exclusive(settings.store.data_dir):
        stores = open_stores(settings)
        swept = stores.instance_files.sweep() + stores.result_files.sweep()
        stores.engine.dispose()
        if swept:
            log.info("half-written files of an earlier run were removed", files=swept)
        checks.tell(remarks)
        try:
            Supervisor(settings).run(stop)
        finally:
            tidy(stores.engine)
