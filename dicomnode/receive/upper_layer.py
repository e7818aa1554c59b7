"""The upper layer (PS3.8) of an association that a peer opens: forgiving where that is safe, and never silent.

"Why does my modality not connect?" must be answerable from the log. So whatever ends an association by our side
passes here, and leaves one line with the peer's address, the AE titles and the reason.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, A_RELEASE_RQ
from pynetdicom.transport import AssociationSocket

from dicomnode.errors import MalformedMessageError
from dicomnode.receive.address import peer_address
from dicomnode.receive.tally import Tally
from dicomnode.receive.titles import BLANK, printable_title

if TYPE_CHECKING:
    from pynetdicom.association import Association

log = structlog.get_logger()

LONGEST_REQUEST_BYTES = 1 << 20
"""No association request needs more, and whoever sends it is not known yet."""
LONGEST_PDU_BYTES = 8 << 20
"""PDUs longer than we offered are taken up to here: peers that cannot count lose nothing, memory stays bounded."""

_KINDS = {
    0x01: "A-ASSOCIATE-RQ",
    0x02: "A-ASSOCIATE-AC",
    0x03: "A-ASSOCIATE-RJ",
    0x04: "P-DATA-TF",
    0x05: "A-RELEASE-RQ",
    0x06: "A-RELEASE-RP",
    0x07: "A-ABORT",
}
_CALLED, _CALLING = slice(10, 26), slice(26, 42)
"""AE titles in an A-ASSOCIATE-RQ PDU (PS3.8 Table 9-11)."""
_LAST_WORD_S = 1.0
"""So long a peer that we have aborted may take to close the connection."""
_IS_OVER = "Sta13"
"""State of PS3.8 9.2."""
_INVALID_PDU, _CONNECTION_CLOSED = "Evt19", "Evt17"
"""Events of PS3.8 9.2."""


class PeerSocket(AssociationSocket):  # type: ignore[misc]  # the library counts as untyped
    """The connection of a peer; it takes in no more than a PDU may have."""

    def __init__(self, assoc: Association, upper_layer: UpperLayer, client_socket: Any) -> None:
        self._upper_layer = upper_layer
        super().__init__(assoc, client_socket=client_socket)

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes, fewer if the peer closes the connection.

        Raises
        ------
        MalformedMessageError
            If that is more than any PDU may have.
        OSError
            If the connection breaks, or the bytes do not come in time.
        """
        longest = self._upper_layer.longest_pdu_bytes
        if nr_bytes > longest:
            raise MalformedMessageError(f"a PDU of {nr_bytes} bytes; at most {longest} are accepted")
        try:
            read: bytearray = super().recv(nr_bytes)
        except TimeoutError:
            seconds = self.socket.gettimeout() if self.socket else None
            self._upper_layer.blame(
                f"the rest of a PDU did not come within {seconds or 0:g} s (receive.dimse_timeout_s)"
            )
            raise
        self._upper_layer.is_closed_by_peer = len(read) < nr_bytes
        return read


class UpperLayer(DULServiceProvider):  # type: ignore[misc]  # the library counts as untyped
    """Reads and writes the PDUs of one association.

    Does: mend AE titles, bound the length of PDUs, tell why an association was rejected, aborted or cut off.
    Does not: decide who may associate.
    """

    def __init__(self, assoc: Association) -> None:
        super().__init__(assoc)
        self.calling_ae_title = ""
        self.called_ae_title = ""
        self.is_closed_by_peer = False
        self.tally = Tally()
        self._is_accepted = False
        self._is_aborted_by_peer = False
        self._is_released_by_peer = False
        self._aborted_at: float | None = None
        """When we aborted it; monotonic clock."""
        self._has_request = False
        self._why = ""
        self._is_told = False

    @property
    def longest_pdu_bytes(self) -> int:
        """How long the next PDU may be."""
        if not self._has_request:
            return LONGEST_REQUEST_BYTES
        return max(LONGEST_PDU_BYTES, self.assoc.acceptor.maximum_length or 0)

    def blame(self, why: str) -> None:
        """Remember why the association is about to end; what came first is the cause of what follows."""
        self._why = self._why or why

    def tell(self, event: str, why: str) -> None:
        """Write the one line about the end of the association."""
        if not self._is_told:
            self._is_told = True
            log.warning(event, why=why, **self._who(), **self._counts())

    def accepted(self) -> None:
        """Write the line about the beginning of an association."""
        self._is_accepted, self.tally = True, Tally()
        contexts = {context.abstract_syntax.name for context in self.assoc.accepted_contexts}
        log.info("association accepted", **self._who(), sop_classes=len(contexts))

    def _tell_how_the_peer_ended_it(self) -> None:
        """Write the line about an association that we did not end."""
        how = ("connection closed", {"why": "the peer closed the connection without a release"})
        if self._is_released_by_peer:  # it may not have waited for our answer
            how = ("association released", {})
        elif self._is_aborted_by_peer:
            how = ("association aborted", {"why": "the peer aborted it"})
        log.info(how[0], **how[1], **self._who(), **self._counts())

    def _counts(self) -> dict[str, Any]:
        return self.tally.words() if self._is_accepted else {}

    def _who(self) -> dict[str, Any]:
        address = self.assoc.requestor.address_info
        return {
            "calling_ae_title": self.calling_ae_title,
            "called_ae_title": self.called_ae_title,
            "host": peer_address(address.address) if address else "",
            "port": address.port if address else 0,
        }

    def run_reactor(self) -> None:
        """Serve the connection until it ends, and say so where we ended it without a word to the peer."""
        super().run_reactor()
        if self.assoc.requestor.primitive is None:
            self.to_user_queue.put(
                None
            )  # the association waits for a request; it must not hold its place for that long
        if not self._has_request and not self.is_closed_by_peer:
            self.blame(
                f"no association request came within {self.assoc.acse_timeout or 0:g} s (receive.acse_timeout_s)"
            )
        if self._why:
            self.tell("connection closed", self._why)
        elif not self._has_request:
            # Not worth a line: whatever asks whether the port is open does this all day.
            log.debug("the peer closed the connection before it asked for an association", **self._who())
        elif self._is_accepted and not self._is_told:
            self._tell_how_the_peer_ended_it()

    def idle_timer_expired(self) -> bool:
        """Whether nothing came for too long."""
        is_expired = bool(super().idle_timer_expired())
        if is_expired:
            self.blame(f"nothing came for {self.network_timeout or 0:g} s (receive.network_timeout_s)")
        return is_expired

    def kill_dul(self) -> None:
        """End the thread; a peer that was silent until now is the reason where there is no other."""
        if not self._has_request and self.artim_timer.expired:
            self.blame(
                f"no association request came within {self.assoc.acse_timeout or 0:g} s (receive.acse_timeout_s)"
            )
        super().kill_dul()

    def _read_pdu_data(self) -> None:
        # What follows an invalid PDU has no beginning: to read on would wait for the rest of what is none.
        if self.state_machine.current_state == _IS_OVER or _INVALID_PDU in self.event_queue.queue:
            self._drop_rest()
            return
        try:
            super()._read_pdu_data()
        except MalformedMessageError as fault:
            self.blame(str(fault))
            self.event_queue.put(_INVALID_PDU)

    def _is_transport_event(self) -> bool:
        if self._aborted_at is not None and self._waits_for_its_end():
            return True
        return bool(super()._is_transport_event())

    def _waits_for_its_end(self) -> bool:
        """Whether the peer is to close the connection, as PS3.8 9.2 has it (Sta13).

        The library closes it at once: what a peer that is just sending then sends would be answered by the system with
        a reset, which takes our A-ABORT out of the peer's hands before it is read.
        """
        is_over = self.state_machine.current_state == _IS_OVER
        has_data = self.socket is not None and self.socket.ready
        return is_over and not has_data and time.monotonic() - (self._aborted_at or 0.0) < _LAST_WORD_S

    def _drop_rest(self) -> None:
        """Read what still comes, so that our last word reaches the peer, and forget it (PS3.8 9.2, AA-6)."""
        connection = self.socket.socket if self.socket else None
        try:
            is_gone = connection is None or not connection.recv(65536)
        except OSError:
            is_gone = True
        if is_gone:
            self.event_queue.put(_CONNECTION_CLOSED)

    def _decode_pdu(self, bytestream: bytearray) -> tuple[Any, str]:
        kind = _KINDS.get(bytestream[0], "PDU")
        if kind == "A-ASSOCIATE-RQ" and len(bytestream) >= _CALLING.stop:
            bytestream = self._with_mended_titles(bytestream)
        with self._reading(kind):
            pdu, event = super()._decode_pdu(bytestream)
            self._is_aborted_by_peer |= isinstance(pdu, A_ABORT_RQ)
            self._is_released_by_peer |= isinstance(pdu, A_RELEASE_RQ)
            if isinstance(pdu, A_ASSOCIATE_RQ):
                self._has_request = True
                pdu.to_primitive()  # what it cannot mean shows here, where the answer is an abort and not a dead thread
        return pdu, event

    def _with_mended_titles(self, request: bytearray) -> bytearray:
        self.called_ae_title = printable_title(bytes(request[_CALLED])) or BLANK
        self.calling_ae_title = printable_title(bytes(request[_CALLING])) or BLANK
        mended = bytearray(request)
        mended[_CALLED] = self.called_ae_title.encode().ljust(16)
        mended[_CALLING] = self.calling_ae_title.encode().ljust(16)
        return mended

    @contextmanager
    def _reading(self, kind: str) -> Iterator[None]:
        """Blame a PDU for what goes wrong while it is read; the library answers any error with an abort."""
        before, self._why = self._why, self._why or f"an {kind} PDU cannot be read"
        yield
        self._why = before

    def _send(self, pdu: Any) -> None:
        if isinstance(pdu, A_ABORT_RQ):
            state = self.state_machine.current_state
            self._aborted_at = time.monotonic()
            self.tell("association aborted", self._why or f"what came is not allowed in state {state} of PS3.8 9.2")
        elif isinstance(pdu, A_ASSOCIATE_RJ):
            self.tell("association rejected", self._why or self._reason_of(pdu))
        super()._send(pdu)

    def _reason_of(self, rejection: A_ASSOCIATE_RJ) -> str:
        """Say a rejection of the library in terms of the settings (PS3.8 Table 9-21)."""
        own = self.assoc.ae
        reasons = {
            (1, 7): f"it calls {self.called_ae_title!r}, and our AE title is {self.assoc.acceptor.ae_title!r}",
            (2, 2): "its version of the DICOM upper layer protocol is not 1",
            (
                3,
                2,
            ): f"as many associations are open as receive.maximum_associations allows ({own.maximum_associations})",
        }
        code = (rejection.source or 0, rejection.reason_diagnostic or 0)
        return reasons.get(code, f"source {code[0]}, reason {code[1]} of PS3.8 Table 9-21")
