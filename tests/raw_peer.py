"""A peer that says on the wire whatever a test wants, right or wrong (PS3.8 9.3, PS3.7 6.3)."""

from __future__ import annotations

import socket
import struct
from typing import Self

VERIFICATION = "1.2.840.10008.1.1"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DICOM_CONTEXT = b"1.2.840.10008.3.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"

ACCEPTED, REJECTED, DATA, RELEASED, ABORTED, CLOSED = 2, 3, 4, 6, 7, 0
"""Types of what comes back; CLOSED: nothing, the connection is gone."""


def item(kind: int, body: bytes) -> bytes:
    """One item of a PDU."""
    return struct.pack(">BBH", kind, 0, len(body)) + body


def pdu(kind: int, body: bytes) -> bytes:
    """One PDU."""
    return struct.pack(">BBL", kind, 0, len(body)) + body


def association_request(
    called: bytes = b"DICOMNODE",
    calling: bytes = b"CT1",
    *,
    application_context: bytes = DICOM_CONTEXT,
    abstract_syntax: str = CT,
    transfer_syntax: str = EXPLICIT_LITTLE,
    version: int = 1,
) -> bytes:
    """An A-ASSOCIATE-RQ PDU with one presentation context, number 1."""
    context = b"\x01\0\0\0" + item(0x30, abstract_syntax.encode()) + item(0x40, transfer_syntax.encode())
    user = item(0x51, struct.pack(">L", 16384)) + item(0x52, b"1.2.3.4")
    titles = called.ljust(16) + calling.ljust(16)
    body = struct.pack(">HH", version, 0) + titles + bytes(32)
    return pdu(1, body + item(0x10, application_context) + item(0x20, context) + item(0x50, user))


def element(number: int, value: bytes, group: int = 0) -> bytes:
    """One element of a command set, Implicit VR Little Endian."""
    return struct.pack("<HHL", group, number, len(value)) + value


def uid(text: str) -> bytes:
    """A UID as it stands in an element."""
    return text.encode() + b"\0" * (len(text) % 2)


def us(number: int) -> bytes:
    """A number as it stands in an element."""
    return struct.pack("<H", number)


def store_command(instance: bytes | None, **changes: bytes | None) -> bytes:
    """A C-STORE-RQ command set; changes name elements as e0002 to set them, or leave them out with None."""
    elements: dict[int, bytes | None] = {
        0x0002: uid(CT),
        0x0100: us(0x0001),
        0x0110: us(1),
        0x0700: us(0),
        0x0800: us(1),
        0x1000: instance,
    }
    elements |= {int(name[1:], 16): value for name, value in changes.items()}
    body = b"".join(element(number, value) for number, value in sorted(elements.items()) if value is not None)
    return (b"" if 0 in elements else element(0, struct.pack("<L", len(body)))) + body


class Peer:
    """One connection to a node; use it as a context manager."""

    def __init__(self, port: int, timeout_s: float = 10) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        self._socket.sendall(data)

    def receive(self) -> tuple[int, bytes]:
        """Type and body of the next PDU; CLOSED where the connection ends."""
        try:
            header = self._exactly(6)
            return header[0], self._exactly(struct.unpack(">L", header[2:])[0])
        except (EOFError, ConnectionError):
            return CLOSED, b""

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self._socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def associate(self, **words: object) -> int:
        """Ask for an association and return the type of the answer."""
        self.send(association_request(**words))
        return self.receive()[0]

    def value(self, control: int, data: bytes, context: int = 1) -> bytes:
        """A P-DATA-TF PDU with one presentation data value."""
        return pdu(4, struct.pack(">LBB", len(data) + 2, context, control) + data)

    def command(self, encoded: bytes, context: int = 1) -> None:
        """Send a whole command set."""
        self.send(self.value(3, encoded, context))

    def data(self, encoded: bytes, context: int = 1) -> None:
        """Send a whole data set."""
        self.send(self.value(2, encoded, context))

    def answer(self) -> dict[int, bytes] | int:
        """Elements of the next command set that comes, or the type of what comes instead."""
        kind, body = self.receive()
        if kind != DATA:
            return kind
        at, elements = 6, {}
        while at < len(body):
            _, number, length = struct.unpack_from("<HHL", body, at)
            elements[number] = body[at + 8 : at + 8 + length]
            at += 8 + length
        return elements

    def status(self) -> int | str:
        """Status of the next answer, or a word for what comes instead."""
        answer = self.answer()
        if isinstance(answer, int):
            return {ABORTED: "aborted", CLOSED: "closed"}.get(answer, f"PDU {answer}")
        return struct.unpack("<H", answer[0x0900])[0]

    def release(self) -> int:
        """Ask for the release and return the type of the answer."""
        self.send(pdu(5, bytes(4)))
        return self.receive()[0]
