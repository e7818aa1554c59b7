"""Minimal Lower Layer Protocol (HL7 v2.5.1 Transport, appendix C): one message out, its answer back.

Of our own, because the client of the `hl7` library has neither timeouts nor TLS.
"""

from __future__ import annotations

import socket
import ssl
import time

from dicomnode.errors import PeerUnreachableError, TransientError

START, END = b"\x0b", b"\x1c\x0d"
LONGEST_ANSWER = 65_536
"""Bytes; an acknowledgement has some hundred."""


def exchange(message: bytes, *, host: str, port: int, timeout_s: float, tls: ssl.SSLContext | None = None) -> bytes:
    """Send one message over a connection of its own and return the answer, both without their frame.

    Raises
    ------
    PeerUnreachableError
        If no connection could be made: nothing was sent.
    TransientError
        If no whole answer came in time: the peer may have the message or not.
    """
    where = f"{host}:{port}"
    try:
        plain = socket.create_connection((host, port), timeout=timeout_s)
    except (OSError, UnicodeError):  # a name that cannot be encoded for DNS is a UnicodeError
        raise PeerUnreachableError(f"there is no answer at {where}") from None
    with plain:
        try:
            connection = plain if tls is None else tls.wrap_socket(plain, server_hostname=host)
        except (OSError, ValueError) as error:
            raise PeerUnreachableError(f"no TLS with {where} ({_reason(error)})") from None
        with connection:
            try:
                connection.sendall(START + message + END)
                return _answer(connection, where, time.monotonic() + timeout_s)
            except OSError as error:
                raise TransientError(f"{where} did not acknowledge: {_reason(error)}") from None


def _answer(connection: socket.socket, where: str, deadline: float) -> bytes:
    """What comes before the end of a block; a peer that drips bytes does not get more time for it."""
    received = b""
    while END not in received:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        more = connection.recv(4096)
        if not more:
            raise TransientError(f"{where} closed the connection without acknowledging")
        received += more
        if len(received) > LONGEST_ANSWER:
            raise TransientError(f"{where} answered with more than {LONGEST_ANSWER} bytes and no end of block")
    return received.split(END)[0].rpartition(START)[2]


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return type(error).__name__ if not isinstance(error, ssl.SSLError) else error.reason or "TLS error"
