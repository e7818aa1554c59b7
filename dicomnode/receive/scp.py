"""The Storage and Verification SCP (PS3.4 Annexes A and B)."""

from __future__ import annotations

import threading
from typing import Any

import structlog
from pydicom import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification

from dicomnode.dicom.reading import is_uid
from dicomnode.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomnode.errors import InstanceRefusedError, TransientError
from dicomnode.receive.address import listening_address
from dicomnode.receive.admit import Admission
from dicomnode.receive.association import PeerHandler
from dicomnode.receive.server import PeerServer
from dicomnode.records import Arrival, StoreStatus
from dicomnode.settings import ReceiveSettings

log = structlog.get_logger()


def on_c_store(event: Event, admission: Admission) -> Dataset:
    """Answer one C-STORE request.

    Success is returned only after `admission.admit` has returned, which it does only once
    file and database row are both durable.
    """
    peer = str(event.assoc.requestor.ae_title)
    uid = str(event.request.AffectedSOPInstanceUID)
    tally = event.assoc.dul.tally
    try:
        arrival = _arrival(event, peer, uid)
        is_new = admission.admit(arrival)
    except InstanceRefusedError as refusal:
        tally.refused += 1
        log.warning(
            "refused", sop_instance_uid=uid, peer=peer, status=StoreStatus(refusal.status).name, why=str(refusal)
        )
        return _answer(StoreStatus(refusal.status), str(refusal))
    except (OSError, TransientError) as error:
        tally.failed += 1
        # Their texts hold a path of ours and the reason, nothing of the data set.
        log.error("not kept", sop_instance_uid=uid, peer=peer, why=str(error))  # noqa: TRY400
        return _answer(StoreStatus.OUT_OF_RESOURCES, "the instance could not be kept")
    tally.stored += is_new
    tally.duplicates += not is_new
    tally.received_bytes += len(arrival.encoded)
    return _answer(StoreStatus.SUCCESS)


def _arrival(event: Event, peer: str, uid: str) -> Arrival:
    if not is_uid(uid):
        message = "Affected SOP Instance UID is not a UID"
        raise InstanceRefusedError(message, status=StoreStatus.DATA_SET_MISMATCH)
    return Arrival(
        sop_class_uid=str(event.request.AffectedSOPClassUID),
        sop_instance_uid=uid,
        transfer_syntax_uid=str(event.context.transfer_syntax),
        calling_ae_title=peer,
        encoded=event.encoded_dataset(),
        move_originator_ae_title=str(event.request.MoveOriginatorApplicationEntityTitle or "").strip(),
    )


def _answer(status: StoreStatus, comment: str = "") -> Dataset:
    response = Dataset()
    response.Status = int(status)
    if comment:
        response.ErrorComment = comment[:64]  # LO, PS3.7 C
    return response


def on_c_echo(event: Event) -> int:
    """Answer one C-ECHO request (PS3.4 A.4)."""
    log.debug("echo", peer=str(event.assoc.requestor.ae_title))
    return int(StoreStatus.SUCCESS)


def on_connection(event: Event, timeout_s: float) -> None:
    """Limit the wait for the rest of a PDU: pynetdicom has none, and half a PDU would hold its place for ever."""
    event.assoc.dul.socket.socket.settimeout(timeout_s)


class StorageSCP:
    """Listens for associations and keeps what they bring.

    Does: Verification, and Storage of every storage SOP class in every transfer syntax, private ones too.
    Does not: know what happens to an instance after it is stored.
    """

    def __init__(self, settings: ReceiveSettings, admission: Admission) -> None:
        self._settings = settings
        self._admission = admission
        self._server: PeerServer | None = None

    def start(self) -> int:
        """Listen in the background and return the port.

        Raises
        ------
        SettingsError
            If the host cannot be resolved.
        OSError
            If the address is not free.
        """
        # The package's switch for SOP classes that no list holds; storage never looks inside, so any will do.
        _config.UNRESTRICTED_STORAGE_SERVICE = True
        _config.LOG_HANDLER_LEVEL = "none"  # its handlers would write requests at info
        settings = self._settings
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, on_connection, [settings.dimse_timeout_s]),
            (evt.EVT_C_STORE, on_c_store, [self._admission]),
            (evt.EVT_C_ECHO, on_c_echo),
        ]
        server = self._entity().make_server(
            listening_address(settings),
            evt_handlers=handlers,
            server_class=PeerServer,
            request_handler=PeerHandler,
        )
        server.allowed_calling_ae_titles = settings.allowed_calling_ae_titles
        server.ae._servers.append(server)  # by this list `shutdown` and the limit of associations know it
        threading.Thread(target=server.serve_forever, name="receiver", daemon=True).start()
        self._server = server
        return int(server.server_address[1])

    def _entity(self) -> AE:
        settings = self._settings
        ae = AE(ae_title=settings.ae_title)
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        ae.require_called_aet = True
        ae.maximum_associations = settings.maximum_associations
        ae.maximum_pdu_size = settings.maximum_pdu_bytes
        ae.acse_timeout = settings.acse_timeout_s
        ae.dimse_timeout = settings.dimse_timeout_s
        ae.network_timeout = settings.network_timeout_s
        ae.add_supported_context(Verification)
        return ae

    def stop(self, timeout_s: float = 4.0) -> int:
        """Stop listening and end the associations that are open.

        An instance that is being written is finished and answered; nothing else is, and each peer gets an A-ABORT.

        Returns
        -------
        int
            How many associations did not end within so many seconds.
        """
        server, self._server = self._server, None
        return 0 if server is None else server.stop(timeout_s)
