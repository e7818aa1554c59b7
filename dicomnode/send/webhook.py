"""Alerts as JSON over HTTP POST.

The body is a FHIR R4 DiagnosticReport; the headers are those of Standard Webhooks (https://www.standardwebhooks.com):
`webhook-id`, `webhook-timestamp`, and `webhook-signature` where there is a secret. `http.client` and no other library,
because it follows no redirect and asks no proxy of the environment.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from dicomnode import __version__
from dicomnode.errors import PeerRefusedError, PeerUnreachableError, SettingsError, TransientError
from dicomnode.records import AlertMessage
from dicomnode.send.fhir import diagnostic_report
from dicomnode.send.secrets import read_secret, tls_context
from dicomnode.settings import WebhookChannel

REFUSED = frozenset({400, 406, 410, 413, 415, 422})
"""Answers that sending the same again will not change; after any other, another try may succeed."""


def send_webhook(channel: WebhookChannel, message: AlertMessage) -> str:
    """Post an alert and return the status that acknowledged it.

    Raises
    ------
    TransientError
        If nobody answered, or with a status that may change.
    PeerRefusedError
        If the receiver says that the request is wrong.
    SettingsError
        If secret or certificates of the settings cannot be used.
    """
    body = json.dumps(diagnostic_report(message), ensure_ascii=False).encode("utf-8", errors="replace")
    status = _post(channel, body, _headers(message.control_id, body, read_secret(channel)))
    if 200 <= status < 300:
        return f"HTTP {status}"
    if status in REFUSED:
        raise PeerRefusedError(f"the receiver refused the request: HTTP {status}")
    if 300 <= status < 400:
        raise TransientError(f"HTTP {status}: the receiver redirects to another address; redirects are not followed")
    raise TransientError(f"the receiver did not accept the request: HTTP {status}")


def signature(identifier: str, timestamp: str, body: bytes, secret: str) -> str:
    """Signature of Standard Webhooks: HMAC-SHA256 over identifier, time and body, base64.

    A secret that begins with `whsec_` is base64, any other is taken as it is.

    Raises
    ------
    SettingsError
        If the secret begins with `whsec_` and the rest is not base64.
    """
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise SettingsError("the secret begins with whsec_, but what follows is not base64") from None
    signed = hmac.new(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def _headers(identifier: str, body: bytes, secret: str) -> dict[str, str]:
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/fhir+json; charset=utf-8",
        "User-Agent": f"dicomnode/{__version__}",
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
    }
    if secret:
        headers["webhook-signature"] = signature(identifier, timestamp, body, secret)
    return headers


def _post(channel: WebhookChannel, body: bytes, headers: dict[str, str]) -> int:
    address = urlsplit(channel.url.get_secret_value())
    host, port = address.hostname or "", address.port
    connection: HTTPConnection
    if address.scheme == "https":
        connection = HTTPSConnection(host, port, timeout=channel.timeout_s, context=tls_context(channel))
    else:
        connection = HTTPConnection(host, port, timeout=channel.timeout_s)
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    try:
        connection.connect()
    except (OSError, UnicodeError) as error:
        raise PeerUnreachableError(f"no connection to {host} ({type(error).__name__})") from None
    try:
        connection.request("POST", target, body=body, headers=headers)
        return connection.getresponse().status
    except (OSError, HTTPException) as error:
        raise TransientError(f"{host} did not answer the request ({type(error).__name__})") from None
    finally:
        connection.close()
