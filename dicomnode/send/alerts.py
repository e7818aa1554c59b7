"""Alerts through their channels: which function sends which kind."""

from __future__ import annotations

from dicomnode.errors import SettingsError
from dicomnode.records import AlertMessage
from dicomnode.send.hl7 import send_hl7
from dicomnode.send.mail import send_email
from dicomnode.send.secrets import read_secret, tls_context
from dicomnode.send.webhook import send_webhook, signature
from dicomnode.settings import AlertChannel, HL7Channel, WebhookChannel


def send_alert(channel: AlertChannel, message: AlertMessage) -> str:
    """Send an alert and return how it was acknowledged.

    Raises
    ------
    TransientError
        If it may work another time.
    PeerRefusedError
        If the peer answered that it will not take this message.
    SettingsError
        If secret or certificates of the settings cannot be used.
    """
    if isinstance(channel, HL7Channel):
        return send_hl7(channel, message)
    if isinstance(channel, WebhookChannel):
        return send_webhook(channel, message)
    return send_email(channel, message)


def check_channel(name: str, channel: AlertChannel) -> None:
    """Read secret and certificates of a channel.

    Raises
    ------
    SettingsError
        If one of them cannot be used.
    """
    try:
        if isinstance(channel, HL7Channel):
            tls_context(channel, channel.certificate_file)
            return
        tls_context(channel)
        secret = read_secret(channel)
        if isinstance(channel, WebhookChannel) and secret:
            signature("", "", b"", secret)
    except SettingsError as error:
        raise SettingsError(f"send.alerts.{name}: {error}") from None
