"""One association to one peer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pynetdicom import AE, _config
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from dicomnode.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomnode.errors import PeerRefusedError, PeerUnreachableError
from dicomnode.settings import Destination, SendSettings

MAXIMUM_CONTEXTS = 128
"""Presentation contexts of one association: their identifiers are odd and fit a byte (PS3.8 9.3.2.2)."""

# Files go out as they lie on disk, without being decoded and encoded again.
_config.STORE_SEND_CHUNKED_DATASET = True


@contextmanager
def associated(
    peer: Destination,
    settings: SendSettings,
    contexts: Sequence[PresentationContext],
    *,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    handlers: Sequence[tuple[Any, ...]] = (),
) -> Iterator[Association]:
    """Open an association, release it at the end.

    Parameters
    ----------
    roles
        Role selection (PS3.7 D.3.3.4): for which contexts the peer may send to us.
    handlers
        pynetdicom's, for what the peer sends.

    Raises
    ------
    PeerUnreachableError
        If nobody answers at the address, or the association is lost.
    PeerRefusedError
        If the peer rejects the association for good or accepts none of the contexts.
    """
    ae = AE(ae_title=settings.ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.connection_timeout = settings.connect_timeout_s
    ae.acse_timeout = settings.connect_timeout_s
    ae.dimse_timeout = settings.dimse_timeout_s
    ae.requested_contexts = list(contexts)
    try:
        assoc = ae.associate(
            peer.host, peer.port, ae_title=peer.ae_title, ext_neg=list(roles), evt_handlers=list(handlers)
        )
    except (OSError, UnicodeError) as error:  # a name that cannot be encoded for DNS is a UnicodeError
        why = getattr(error, "strerror", None) or "it is no host name"
        raise PeerUnreachableError(f"{peer.host} cannot be resolved: {why}") from None
    if not assoc.is_established:
        raise _failure(assoc, peer, settings)
    limit_blocking(assoc, settings.dimse_timeout_s)
    try:
        yield assoc
    finally:
        if assoc.is_established:
            assoc.release()


def limit_blocking(assoc: Association, timeout_s: float) -> None:
    """Let no read or write of a started PDU wait longer: a peer that hangs would hold its association for ever."""
    transport = assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.settimeout(timeout_s)


def _failure(assoc: Association, peer: Destination, settings: SendSettings) -> PeerUnreachableError | PeerRefusedError:
    where = f"{peer.ae_title} at {peer.host}:{peer.port}"
    answer = assoc.acceptor.primitive
    if assoc.is_rejected and answer is not None:
        # PS3.8 Table 9-21: result 2 is transient; anything else will not change by itself.
        if answer.result == 2:
            return PeerUnreachableError(f"{where} rejected the association for now: {answer.reason_str}")
        return PeerRefusedError(
            f"{where} rejected the association of {settings.ae_title}: {answer.reason_str}; "
            "check both AE titles and the peer's allow list"
        )
    if answer is not None and answer.result == 0:  # accepted, but with no context, so that we aborted
        return PeerRefusedError(f"{where} accepts none of the offered SOP classes and transfer syntaxes")
    return PeerUnreachableError(f"no DICOM peer answers as {where}")
