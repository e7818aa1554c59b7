"""How fast the node receives, beside DCMTK's storescp and Orthanc in the same run.

Usage: python bench/receive.py [--instances 200] [--associations 1 4] [--rounds 3]

Sends CT slices of half a megabyte over loopback, the receivers in turn, and prints the median of instances per
second and its ratio to storescp. The node and Orthanc promise a durable, indexed instance at Success; storescp
promises nothing. What is missing is left out with a note. Only ratios within one run mean anything.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
from pydicom.uid import CTImageStorage, generate_uid
from pynetdicom import AE

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from helpers import a_data_set, free_port, listens, wait_until
from interop.peers import orthanc, storescp

from dicomnode.node import processes
from dicomnode.settings import Destination, LogSettings, ReceiveSettings, Settings, StoreSettings


def slices(count: int) -> list:
    """One CT study of 512 x 512 slices with noise in them."""
    noise = np.random.default_rng(1)
    study, series = generate_uid(), generate_uid()
    return [
        a_data_set(
            SOPClassUID=CTImageStorage, SOPInstanceUID=generate_uid(), StudyInstanceUID=study, SeriesInstanceUID=series,
            Modality="CT", Rows=512, Columns=512, PixelData=noise.integers(0, 4096, 512 * 512, np.uint16).tobytes(),
        )
        for _ in range(count)
    ]  # fmt: skip


@contextmanager
def node(folder: Path):
    """The node's receiver process, on SQLite."""
    port = free_port()
    settings = Settings(
        store=StoreSettings(data_dir=folder),
        receive=ReceiveSettings(host="127.0.0.1", port=port, minimum_free_bytes=0),
        log=LogSettings(level="error"),
    )
    context = multiprocessing.get_context("spawn")
    theirs, lifeline = context.Pipe(duplex=False)
    process = context.Process(target=processes.run, args=(processes.receiver, settings, processes.Stop(theirs)))
    process.start()
    try:
        wait_until(lambda: listens(port), timeout_s=30, what="the receiver listens")
        yield Destination(ae_title="DICOMNODE", host="127.0.0.1", port=port)
    finally:
        lifeline.close()
        process.join(10)


@contextmanager
def dcmtk(folder: Path):
    """DCMTK's storescp."""
    with storescp(folder) as running:
        yield running.destination


@contextmanager
def orthanc_pacs(folder: Path):
    """Debian's Orthanc with its default synchronous storage."""
    folder.mkdir()
    with orthanc(folder) as running:
        yield running.destination


RECEIVERS: dict[str, Callable[[Path], AbstractContextManager[Destination]]] = {
    "dicomnode": node, "storescp": dcmtk, "orthanc": orthanc_pacs,
}  # fmt: skip


def send(peer: Destination, instances: list) -> None:
    """Send over one association; every answer must be Success."""
    ae = AE(ae_title="BENCH")
    ae.add_requested_context(CTImageStorage, instances[0].file_meta.TransferSyntaxUID)
    assoc = ae.associate(peer.host, peer.port, ae_title=peer.ae_title)
    statuses = {assoc.send_c_store(ds).Status for ds in instances}
    assoc.release()
    assert statuses == {0}, statuses


def rate(receiver: str, instances: list, associations: int) -> float:
    """Instances per second."""
    with tempfile.TemporaryDirectory() as folder, RECEIVERS[receiver](Path(folder) / "data") as peer:
        shares = [instances[n::associations] for n in range(associations)]
        threads = [threading.Thread(target=send, args=(peer, share)) for share in shares]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(instances) / (time.perf_counter() - begin)


def main() -> None:
    """Measure in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--associations", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    instances = slices(options.instances)
    print("| receiver | associations | instances/s | ratio to storescp |\n|---|---|---|---|")
    for associations in options.associations:
        rates: dict[str, list[float]] = {name: [] for name in RECEIVERS}
        for _ in range(options.rounds):
            for name, found in rates.items():
                found.append(rate(name, instances, associations))
        base = statistics.median(rates["storescp"])
        for name, found in rates.items():
            median = statistics.median(found)
            print(f"| {name} | {associations} | {median:.0f} | {median / base:.2f} |")


if __name__ == "__main__":
    main()
