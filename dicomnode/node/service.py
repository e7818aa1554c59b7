"""The service: what is checked before it runs, and its processes."""

from __future__ import annotations

import structlog

from dicomnode.errors import BundleError
from dicomnode.node.rooms import bundle_paths, exclusive, open_stores
from dicomnode.node.supervisor import Shutdown, Supervisor
from dicomnode.receive.address import check_listening, exposure
from dicomnode.settings import Settings
from dicomnode.store.engine import tidy

log = structlog.get_logger()


def check(settings: Settings) -> None:
    """Everything that can be known to be wrong before the first study comes.

    Raises
    ------
    SettingsError
        If a rule names an unknown bundle, there are no words, maps or GPU as the settings ask, or a secret or
        certificate of an alert channel cannot be used.
    BundleError
        If a bundle cannot be run, or not in the memory that it may use.
    """
    # Heavy, and needed by `config check` and by a process of the service that ends at once.
    from dicomnode.infer.bundle import check_bundle, load_bundle
    from dicomnode.node.methods import check_methods
    from dicomnode.report import check_report
    from dicomnode.send.alerts import check_channel

    for name, channel in settings.send.alerts.items():
        check_channel(name, channel)
    for name, path in bundle_paths(settings).items():
        faults = check_bundle(path, settings.infer)
        if faults:
            raise BundleError(f"bundle {name!r} at {path} cannot be run: {'; '.join(faults)}")
    bundles = [load_bundle(path) for path in bundle_paths(settings).values()]
    check_report(settings.report, {finding.key for bundle in bundles for finding in bundle.findings})
    check_methods(settings)
    if settings.infer.ensembles:
        _check_ensembles(settings)


def _check_ensembles(settings: Settings) -> None:
    from dicomnode.node.models import Models  # heavy: only the workers of a service need it otherwise

    models = Models(bundle_paths(settings), settings.infer)
    for name in settings.infer.ensembles:
        models.get(name)


def serve(settings: Settings, stop: Shutdown) -> None:
    """Run the service until `stop` is set.

    Listens before everything else: images that arrive while the bundles are checked are kept.

    Raises
    ------
    SettingsError, PermanentError
        As `check`, or if the port is taken, data folder or database cannot be used, or a process cannot be started.
    ServiceRunningError
        If another service uses the data folder.
    """
    with exclusive(settings.store.data_dir):
        check_listening(settings.receive)
        stores = open_stores(settings)
        swept = stores.instance_files.sweep() + stores.result_files.sweep()
        stores.engine.dispose()
        if swept:
            log.info("half-written files of an earlier run were removed", files=swept)
        for warning in exposure(settings.receive):
            log.warning(warning)
        try:
            Supervisor(settings).run(stop)
        finally:
            tidy(stores.engine)
