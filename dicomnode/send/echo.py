"""Verification SCU (PS3.4 Annex A)."""

from __future__ import annotations

from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification

from dicomnode.errors import PeerRefusedError, PeerUnreachableError
from dicomnode.send.association import associated
from dicomnode.settings import Destination, SendSettings


def echo(peer: Destination, settings: SendSettings) -> None:
    """Return if the peer answers a C-ECHO with Success.

    Raises
    ------
    PeerUnreachableError
        If it does not answer.
    PeerRefusedError
        If it answers anything else.
    """
    with associated(peer, settings, [build_context(Verification)]) as assoc:
        answer = assoc.send_c_echo()
    if "Status" not in answer:
        raise PeerUnreachableError(f"{peer.ae_title} at {peer.host}:{peer.port} did not answer the C-ECHO")
    if answer.Status != 0:
        raise PeerRefusedError(f"{peer.ae_title} answered the C-ECHO with status 0x{answer.Status:04X}")
