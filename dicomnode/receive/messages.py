"""The DIMSE messages of one association: put in order, or answered with a refusal, before the library serves them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import structlog
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.pdu_primitives import P_DATA

from dicomnode.errors import InstanceRefusedError, MalformedMessageError
from dicomnode.receive.command import LONGEST_COMMAND_BYTES, Command, read_command, refusal_of, served
from dicomnode.receive.server import STOPPING
from dicomnode.records import StoreStatus

if TYPE_CHECKING:
    from pynetdicom.association import Association

    from dicomnode.receive.upper_layer import UpperLayer

log = structlog.get_logger()

# Message Control Header (PS3.8 E.2).
_IS_COMMAND = 0x01
_IS_LAST = 0x02


class _Next(Enum):
    """What the peer may send next."""

    COMMAND = "command"
    DATA_SET = "data set"
    DROPPED_DATA_SET = "data set that nobody wants"


class Messages(DIMSEServiceProvider):  # type: ignore[misc]  # the library counts as untyped
    """Takes in the messages of a peer.

    Does: put commands in order, refuse with a status what cannot be served, end an association that makes no sense.
    Does not: look into data sets.
    """

    def __init__(self, assoc: Association, upper_layer: UpperLayer) -> None:
        super().__init__(assoc)
        self._upper_layer = upper_layer
        self._encoded = bytearray()
        self._next = _Next.COMMAND
        self._refusal = b""
        """Answer to send once the data set that belongs to it has gone by."""

    def get_msg(self, block: bool = False) -> tuple[int | None, Any]:
        """Next message to serve; once the node is stopping, none is, and the association is aborted instead."""
        if self.assoc._server.is_stopping and self.assoc.is_established:
            self._upper_layer.blame(STOPPING)
            self.assoc.abort()
            return None, None
        message: tuple[int | None, Any] = super().get_msg(block)
        return message

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take in the presentation data values of one P-DATA-TF PDU, one after another."""
        for context_id, value in primitive.presentation_data_value_list:
            try:
                self._take(context_id, value)
            except MalformedMessageError as fault:
                self._upper_layer.blame(str(fault))
                self._upper_layer.event_queue.put("Evt19")  # PS3.8 9.2: invalid PDU, which ends the association
                return

    def _take(self, context_id: int, value: bytes) -> None:
        if not value:
            raise MalformedMessageError("a presentation data value is empty")
        is_last = bool(value[0] & _IS_LAST)
        if value[0] & _IS_COMMAND:
            if self._next is not _Next.COMMAND:
                raise MalformedMessageError("a command came where the rest of a data set should come")
            self._encoded += value[1:]
            if len(self._encoded) > LONGEST_COMMAND_BYTES:
                raise MalformedMessageError(f"a command set of more than {LONGEST_COMMAND_BYTES} bytes")
            if is_last:
                encoded = bytes(self._encoded)
                self._encoded.clear()
                self._begin(context_id, read_command(encoded))
        elif self._next is _Next.COMMAND:
            raise MalformedMessageError("a data set came without a command")
        else:
            self._take_data(context_id, value, is_last=is_last)

    def _take_data(self, context_id: int, value: bytes, *, is_last: bool) -> None:
        if self._next is _Next.DATA_SET:
            self._pass_on(context_id, value)
        elif is_last and self._refusal:
            self._send(context_id, self._refusal)
            self._refusal = b""
        if is_last:
            self._next = _Next.COMMAND

    def _begin(self, context_id: int, command: Command) -> None:
        if context_id not in {context.context_id for context in self.assoc.accepted_contexts}:
            raise MalformedMessageError(f"presentation context {context_id} was not accepted")
        self._next = _Next.DROPPED_DATA_SET if command.has_data_set else _Next.COMMAND
        if not command.is_request:
            return  # we asked for nothing, and what we serve is never long enough to be cancelled
        try:
            encoded = served(command)
        except InstanceRefusedError as refusal:
            self._refuse(context_id, command, refusal)
            return
        self._next = _Next.DATA_SET if command.has_data_set else _Next.COMMAND
        self._pass_on(context_id, bytes([_IS_COMMAND | _IS_LAST]) + encoded)

    def _refuse(self, context_id: int, command: Command, refusal: InstanceRefusedError) -> None:
        status = StoreStatus(refusal.status)
        self._upper_layer.tally.refused += 1
        log.warning(
            "refused",
            sop_instance_uid=command.sop_instance_uid,
            peer=self._upper_layer.calling_ae_title,
            status=status.name,
            why=str(refusal),
        )
        answer = refusal_of(command, status, str(refusal))
        if command.has_data_set:
            self._refusal = answer  # PS3.7 9.3.1: the answer follows the whole request
        else:
            self._send(context_id, answer)

    def _pass_on(self, context_id: int, value: bytes) -> None:
        """Hand one value to the library."""
        super().receive_primitive(_p_data(context_id, value))

    def _send(self, context_id: int, encoded: bytes) -> None:
        """Send a command set in values that the peer is ready to take (PS3.8 Annex D.1)."""
        longest = max(self.maximum_pdu_size - 6, 1) if self.maximum_pdu_size else len(encoded)
        for at in range(0, len(encoded), longest):
            is_last = at + longest >= len(encoded)
            header = _IS_COMMAND | (_IS_LAST if is_last else 0)
            self._upper_layer.send_pdu(_p_data(context_id, bytes([header]) + encoded[at : at + longest]))


def _p_data(context_id: int, value: bytes) -> P_DATA:
    primitive = P_DATA()
    primitive.presentation_data_value_list.append((context_id, value))
    return primitive
