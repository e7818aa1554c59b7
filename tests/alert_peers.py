"""Peers that alerts are sent to: an HL7 receiver, a web server and a mail server, which answer as a test says."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from functools import partial

import hl7
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from helpers import free_port

START, END = b"\x0b", b"\x1c\r"


class MLLPServer:
    """An HL7 receiver; each message gets the next answer, the last one again and again.

    An answer is an acknowledgement code, or `garbage`, `empty`, `silence`, `close`, `other` (the acknowledgement of
    another message), `drip` (a byte now and then), `flood` (an answer without end).
    """

    def __init__(self, *answers: str, tls: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers) or ["AA"]
        self.got: list[str] = []
        self.connections = 0
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._stopped = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._stopped.set()
        self._socket.shutdown(socket.SHUT_RDWR)  # or the thread that accepts would keep it listening
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            with connection if self._tls is None else self._tls.wrap_socket(connection, server_side=True) as peer:
                self._talk(peer)
        except OSError:
            return  # the peer left, or trusts us not

    def _talk(self, peer: socket.socket) -> None:
        received = b""
        while END not in received:
            more = peer.recv(4096)
            if not more:
                return
            received += more
        assert received.startswith(START)
        text = received[1:-2].decode("utf-8")
        self.got.append(text)
        self._reply(peer, text, self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    def _reply(self, peer: socket.socket, text: str, answer: str) -> None:
        message = hl7.parse(text)
        if answer == "close":
            return
        if answer == "silence":
            self._stopped.wait(30)
        elif answer == "flood":
            peer.sendall(START + b"x" * 200_000)
        elif answer == "drip":
            while not self._stopped.wait(0.05):
                peer.sendall(b"x")
        elif answer in ("garbage", "empty"):
            peer.sendall(START + (b"HTTP/1.0 400 no" if answer == "garbage" else b"") + END)
        else:
            acknowledged = message.create_ack("AA" if answer == "other" else answer)
            acknowledged.segment("MSA").assign_field("OTHER" if answer == "other" else str(message["MSH.F10"]), 2)
            peer.sendall(START + str(acknowledged).encode() + END)


@contextmanager
def mllp_server(*answers: str, tls: ssl.SSLContext | None = None) -> Iterator[MLLPServer]:
    """A receiver for as long as the block lasts."""
    server = MLLPServer(*answers, tls=tls)
    try:
        yield server
    finally:
        server.stop()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        length = int(self.headers["Content-Length"])
        server.got.append((self.path, dict(self.headers.items()), self.rfile.read(length)))
        answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        if answer == "hang":
            server.stopped.wait(30)
            return
        if answer == "close":
            return
        self.send_response(answer)
        if 300 <= answer < 400:
            self.send_header("Location", server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def web_server(*answers: int | str, tls: ssl.SSLContext | None = None) -> Iterator[http.server.ThreadingHTTPServer]:
    """A server that answers POST with these statuses, `hang` or `close`; what it got is in `got`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.handle_error = lambda *_: None  # a client that leaves is no error here
    server.daemon_threads, server.block_on_close = True, False
    server.answers, server.got, server.location = list(answers) or [200], [], "http://127.0.0.1:9/elsewhere"
    server.stopped = threading.Event()
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()


class MailServer:
    """An SMTP server; `answers` are statuses for whole mails, `refused` recipients that it does not know."""

    def __init__(self, *answers: str, refused: tuple[str, ...] = (), password: str = "") -> None:
        self.answers = list(answers) or ["250 taken"]
        self.refused = refused
        self.password = password
        self.got: list[EmailMessage] = []
        self.was_encrypted: list[bool] = []

    async def handle_RCPT(self, _server, _session, envelope, address, _options) -> str:  # noqa: N802
        """Know all recipients but some."""
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope) -> str:  # noqa: N802
        """Answer as told."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.startswith("250"):
            self.got.append(BytesParser(policy=default).parsebytes(envelope.content))
            self.was_encrypted.append(session.ssl is not None)
        return answer

    def authenticate(self, _server, _session, _envelope, _mechanism, credentials) -> AuthResult:
        """Check the password."""
        return AuthResult(success=credentials.password == self.password.encode())


@contextmanager
def mail_server(
    *answers: str, refused: tuple[str, ...] = (), tls: ssl.SSLContext | None = None, password: str = ""
) -> Iterator[tuple[MailServer, int]]:
    """A mail server for as long as the block lasts, and its port."""
    handler, port = MailServer(*answers, refused=refused, password=password), free_port()

    class _Controller(Controller):
        def factory(self) -> SMTP:
            return SMTP(
                self.handler,
                hostname="mail.test",
                tls_context=tls,
                auth_required=bool(password),
                authenticator=handler.authenticate if password else None,
            )

    controller = _Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield handler, port
    finally:
        controller.stop()


def silent_port() -> tuple[socket.socket, int]:
    """A listener that accepts into its backlog and never says a word."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


def seconds(action) -> float:
    """How long an action took."""
    begin = time.monotonic()
    action()
    return time.monotonic() - begin
