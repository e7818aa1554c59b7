"""Command sets (PS3.7 6.3 and Annex E) as peers really send them: read, judged, and written anew for the library.

The library that speaks DIMSE for us ends the association, or its own thread, on a command that breaks the standard.
So a command comes here first: what is only untidy is put in order, what cannot be served gets a status.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from pynetdicom.sop_class import Verification

from dicomnode.dicom.reading import is_uid
from dicomnode.errors import InstanceRefusedError, MalformedMessageError
from dicomnode.receive.titles import printable_title
from dicomnode.records import StoreStatus

LONGEST_COMMAND_BYTES = 65536
"""No command of the standard comes near; a peer that sends more sends something else."""

# Elements of group 0000 (PS3.7 Table E.1-1).
AFFECTED_SOP_CLASS_UID = 0x0002
COMMAND_FIELD = 0x0100
MESSAGE_ID = 0x0110
MESSAGE_ID_BEING_RESPONDED_TO = 0x0120
PRIORITY = 0x0700
COMMAND_DATA_SET_TYPE = 0x0800
STATUS = 0x0900
ERROR_COMMENT = 0x0902
AFFECTED_SOP_INSTANCE_UID = 0x1000
MOVE_ORIGINATOR_AE_TITLE = 0x1030
MOVE_ORIGINATOR_MESSAGE_ID = 0x1031

C_STORE_RQ = 0x0001
C_ECHO_RQ = 0x0030
C_CANCEL_RQ = 0x0FFF
RESPONSE = 0x8000
NO_DATA_SET = 0x0101

_REQUESTS = {
    0x0001: "C-STORE",
    0x0010: "C-GET",
    0x0020: "C-FIND",
    0x0021: "C-MOVE",
    0x0030: "C-ECHO",
    0x0100: "N-EVENT-REPORT",
    0x0110: "N-GET",
    0x0120: "N-SET",
    0x0130: "N-ACTION",
    0x0140: "N-CREATE",
    0x0150: "N-DELETE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command set."""

    elements: Mapping[int, bytes]
    """Element number in group 0000 to the bytes of its value."""

    @property
    def field(self) -> int:
        """Command Field (0000,0100)."""
        return self.number(COMMAND_FIELD) or 0

    @property
    def name(self) -> str:
        """What is asked for, for example "C-STORE"."""
        return _REQUESTS.get(self.field, f"0x{self.field:04X}")

    @property
    def is_request(self) -> bool:
        """It wants an answer."""
        return not self.field & RESPONSE and self.field != C_CANCEL_RQ

    @property
    def has_data_set(self) -> bool:
        """A data set follows; where the command does not say, it is taken to follow a C-STORE request only."""
        told = self.number(COMMAND_DATA_SET_TYPE)
        return self.field == C_STORE_RQ if told is None else told != NO_DATA_SET

    def number(self, element: int) -> int | None:
        """Value of a US element; None where it is missing or too short."""
        value = self.elements.get(element, b"")
        return int.from_bytes(value[:2], "little") if len(value) >= 2 else None

    def text(self, element: int) -> str:
        """Value of a text element without padding, be it NUL or blank."""
        return self.elements.get(element, b"").decode("latin-1").strip(" \0")

    @property
    def sop_instance_uid(self) -> str:
        """Affected SOP Instance UID; empty where it is no UID, for then nobody knows what it holds."""
        uid = self.text(AFFECTED_SOP_INSTANCE_UID)
        return uid if is_uid(uid) else ""


def read_command(encoded: bytes) -> Command:
    """Take a command set apart (Implicit VR Little Endian); Command Group Length is not relied on.

    Raises
    ------
    MalformedMessageError
        If it cannot be read, or cannot be answered because its field or its number is missing.
    """
    elements: dict[int, bytes] = {}
    at = 0
    while at < len(encoded):
        if len(encoded) - at < 8:
            raise MalformedMessageError("the command set ends in the middle of an element")
        group, element, length = struct.unpack_from("<HHL", encoded, at)
        value = encoded[at + 8 : at + 8 + length]
        if group != 0x0000 or len(value) < length:
            raise MalformedMessageError("the command set is not in Implicit VR Little Endian")
        elements[element] = value
        at += 8 + length
    command = Command(elements=elements)
    if command.number(COMMAND_FIELD) is None:
        raise MalformedMessageError("the command set has no Command Field")
    if command.is_request and command.number(MESSAGE_ID) is None:
        raise MalformedMessageError(f"the {command.name} request has no Message ID")
    return command


def served(command: Command) -> bytes:
    """The command set of a request as it should have been sent.

    Raises
    ------
    InstanceRefusedError
        If we do not serve such requests, or a C-STORE does not say in a usable way what it brings (PS3.7 9.1.1.1).
    """
    if command.field == C_ECHO_RQ:
        return encode({**_heading(command), AFFECTED_SOP_CLASS_UID: Verification.encode()})
    if command.field == C_STORE_RQ:
        return encode(_store_request(command))
    message = f"{command.name} is not served here"
    raise InstanceRefusedError(message, status=StoreStatus.UNRECOGNIZED_OPERATION)


def _heading(command: Command) -> dict[int, bytes]:
    return {
        COMMAND_FIELD: _us(command.field),
        MESSAGE_ID: _us(command.number(MESSAGE_ID) or 0),
        COMMAND_DATA_SET_TYPE: _us(0x0001 if command.has_data_set else NO_DATA_SET),
    }


def _store_request(command: Command) -> dict[int, bytes]:
    sop_class = _uid(command, AFFECTED_SOP_CLASS_UID, "Class", StoreStatus.SOP_CLASS_NOT_SUPPORTED)
    instance = _uid(command, AFFECTED_SOP_INSTANCE_UID, "Instance", StoreStatus.INVALID_SOP_INSTANCE)
    if not command.has_data_set:
        raise InstanceRefusedError("the request has no data set", status=StoreStatus.CANNOT_UNDERSTAND)
    elements = {
        **_heading(command),
        AFFECTED_SOP_CLASS_UID: sop_class,
        AFFECTED_SOP_INSTANCE_UID: instance,
        PRIORITY: _us(0),  # nothing depends on it, and peers send values that no table has
    }
    originator = printable_title(command.elements.get(MOVE_ORIGINATOR_AE_TITLE, b""))[:16]
    if originator:
        elements[MOVE_ORIGINATOR_AE_TITLE] = originator.encode()
        elements[MOVE_ORIGINATOR_MESSAGE_ID] = _us(command.number(MOVE_ORIGINATOR_MESSAGE_ID) or 0)
    return elements


def _uid(command: Command, element: int, of: str, status: StoreStatus) -> bytes:
    """A UID of the request, without padding; what is wrong with it is told without quoting it."""
    uid = command.text(element)
    if is_uid(uid):
        return uid.encode()
    wrong = "is missing"
    if uid:
        wrong = f"has {len(uid)} characters" if len(uid) > 64 else "is not of digits and dots"
    raise InstanceRefusedError(f"Affected SOP {of} UID {wrong}", status=status)


def refusal_of(command: Command, status: StoreStatus, comment: str) -> bytes:
    """The command set of an answer that says no; UIDs that are none are left out (they are optional, PS3.7 9.1.1)."""
    elements = {
        COMMAND_FIELD: _us(command.field | RESPONSE),
        MESSAGE_ID_BEING_RESPONDED_TO: _us(command.number(MESSAGE_ID) or 0),
        COMMAND_DATA_SET_TYPE: _us(NO_DATA_SET),
        STATUS: _us(int(status)),
        ERROR_COMMENT: comment[:64].encode("ascii", "replace"),  # LO, PS3.7 Annex C
    }
    for element in (AFFECTED_SOP_CLASS_UID, AFFECTED_SOP_INSTANCE_UID):
        uid = command.text(element)
        if is_uid(uid):
            elements[element] = uid.encode()
    return encode(elements)


def encode(elements: Mapping[int, bytes]) -> bytes:
    """A command set with its group length, elements in order, values of even length."""
    body = b"".join(_element(element, elements[element]) for element in sorted(elements))
    return _element(0x0000, struct.pack("<L", len(body))) + body


def _element(element: int, value: bytes) -> bytes:
    is_uid_element = element in (AFFECTED_SOP_CLASS_UID, AFFECTED_SOP_INSTANCE_UID)
    padded = value + (b"\0" if is_uid_element else b" ") * (len(value) % 2)
    return struct.pack("<HHL", 0x0000, element, len(padded)) + padded


def _us(number: int) -> bytes:
    return struct.pack("<H", number)
