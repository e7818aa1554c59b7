"""The listening socket of the receiver, and the associations that came over it."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING

from pynetdicom.transport import ThreadedAssociationServer

from dicomnode.receive.address import accept_both_families

if TYPE_CHECKING:
    from pynetdicom.association import Association

STOPPING = "the node is stopping"

_DRAIN_S = 1.5
"""So long a peer may go on sending after our A-ABORT before its connection is closed."""
_POLL_S = 0.02
_A_ABORT = b"\x07\0\0\0\0\x04\0\0\0\0"
"""PS3.8 9.3.8, from the service user."""
_ABORT_IS_SENT = "Sta13"
"""State of PS3.8 9.2."""


class PeerServer(ThreadedAssociationServer):  # type: ignore[misc]  # the library counts as untyped
    """Takes connections until it is told to stop.

    Does: listen; know who may call; end every association in bounded time.
    Does not: negotiate, or serve messages; `association` and `messages` do, and ask it whether it is stopping.
    """

    request_queue_size = 128  # a modality room that wakes up opens more than the library's 5 at once

    allowed_calling_ae_titles: tuple[str, ...] = ()
    is_stopping = False

    def server_bind(self) -> None:
        """Bind the socket."""
        accept_both_families(self.socket, self.server_address)
        super().server_bind()

    def stop(self, timeout_s: float) -> int:
        """Stop listening, end the associations, and return how many of them are still open after so many seconds.

        A request that is being served is finished and answered first; nothing is accepted or answered after it.
        """
        deadline = time.monotonic() + timeout_s
        self.is_stopping = True
        self.shutdown()
        for assoc in self.active_associations:
            if assoc.requestor.primitive is None:  # connected, but without an association: there is nobody to tell
                disconnect(assoc)
        if not self._ended(min(deadline, time.monotonic() + _DRAIN_S)):
            for assoc in self.active_associations:
                if assoc.is_aborted or assoc.requestor.primitive is None:
                    disconnect(assoc)
            self._ended(deadline)
        return len(self.active_associations)

    def _ended(self, deadline: float) -> bool:
        """Whether every association has ended in time."""
        while self.active_associations:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True


def disconnect(assoc: Association) -> None:
    """Close the connection below an association; its threads notice and end.

    Where the peer has fallen silent in the middle of a PDU, our A-ABORT waits behind the rest of it: it is sent here.
    """
    transport = assoc.dul.socket
    if transport is None or transport.socket is None:
        return
    with contextlib.suppress(OSError):
        if assoc.is_aborted and assoc.dul.state_machine.current_state != _ABORT_IS_SENT:
            transport.socket.send(_A_ABORT, socket.MSG_DONTWAIT)
        transport.socket.shutdown(socket.SHUT_RDWR)
