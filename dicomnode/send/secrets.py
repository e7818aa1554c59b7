"""Secrets and certificates of alert channels, read where the settings say."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from dicomnode.errors import SettingsError
from dicomnode.settings import AlertChannel, EmailChannel, WebhookChannel


def read_secret(channel: WebhookChannel | EmailChannel) -> str:
    """The channel's secret, without blanks around it; empty where the settings name none.

    Raises
    ------
    SettingsError
        If its file cannot be read, its variable is not set, or it is empty.
    """
    if channel.secret_file is not None:
        try:
            secret = channel.secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise SettingsError(f"secret_file {channel.secret_file} cannot be read as text") from None
        source = f"secret_file {channel.secret_file}"
    elif channel.secret_variable:
        secret = os.environ.get(channel.secret_variable, "").strip()
        source = f"the environment variable {channel.secret_variable}, which secret_variable names,"
    else:
        return ""
    if not secret:
        raise SettingsError(f"{source} is empty or not set")
    return secret


def tls_context(channel: AlertChannel, certificate_file: Path | None = None) -> ssl.SSLContext:
    """TLS that checks the peer's certificate and name.

    Raises
    ------
    SettingsError
        If a file of the settings cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=channel.ca_file)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise SettingsError(f"ca_file {channel.ca_file} is not a readable PEM file of certificates") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate_file is not None:
        try:
            context.load_cert_chain(certificate_file)
        except (OSError, ValueError):
            raise SettingsError(f"certificate_file {certificate_file} holds no certificate with its key") from None
    return context
