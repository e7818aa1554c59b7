"""Tables `[send.alerts.NAME]`: channels for alerts about urgent findings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from dicomnode.settings.secrets import WebhookUrl
from dicomnode.settings.types import ENVIRONMENT_PREFIX, Host, NetworkSeconds, Seconds, Table


class Channel(Table):
    """Settings of every alert channel."""

    timeout_s: NetworkSeconds = 10.0
    """Timeout for the connection, and again for the response, in seconds."""
    longest_retry_s: Seconds = 60.0
    """Maximum wait between two attempts, in seconds. The first wait is schedule.first_retry_s; it doubles each time."""
    give_up_after_s: Seconds = 86_400.0
    """An alert that was not delivered after this many seconds and several attempts is marked as failed. 86400 is a
    day."""
    ca_file: Path | None = None
    """PEM file with the certificate authorities to trust. Not set: those of the operating system."""


class ChannelWithSecret(Channel):
    """An alert channel with a secret, which is kept outside the settings file."""

    secret_file: Path | None = None
    """File that contains the secret: the signing key of the webhook, or the password for the mail server."""
    secret_variable: str = ""
    """Name of an environment variable that contains the secret instead. It must not begin with DICOMNODE_."""

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.secret_file is not None and self.secret_variable:
            raise ValueError("secret_file and secret_variable are both set; name one")
        if self.secret_variable.startswith(ENVIRONMENT_PREFIX):
            raise ValueError(f"secret_variable must not begin with {ENVIRONMENT_PREFIX}: such variables are settings")
        return self


NamePart = Annotated[str, Field(max_length=180)]


class HL7Channel(Channel):
    """Alerts as HL7 v2.5.1 ORU^R01 over MLLP."""

    kind: Literal["hl7"]
    """Always "hl7"."""
    host: Host
    """Host name or IP address of the interface engine."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """TCP port."""
    patient_data: bool = True
    """Whether alerts contain patient identification and accession number. Without them most receivers cannot file the
    message."""
    sending_application: NamePart = "DICOMNODE"
    """MSH-3."""
    sending_facility: NamePart = ""
    """MSH-4."""
    receiving_application: NamePart = ""
    """MSH-5."""
    receiving_facility: NamePart = ""
    """MSH-6."""
    processing_id: Literal["P", "T", "D"] = "P"
    """MSH-11: "P" production, "T" training or "D" debugging. Test messages always use "T"."""
    tls: bool = False
    """Whether TLS is used and the peer's certificate is verified."""
    certificate_file: Path | None = None
    """PEM file with the node's own certificate and private key, if the peer requires one."""


class WebhookChannel(ChannelWithSecret):
    """Alerts as JSON over HTTP POST, signed according to Standard Webhooks."""

    kind: Literal["webhook"]
    """Always "webhook"."""
    url: WebhookUrl
    """URL that alerts are posted to. Use https; http is accepted only without patient data. Path and query are treated
    as secrets and never shown."""
    patient_data: bool = False
    """Whether alerts contain patient identification and accession number; needs https."""

    @model_validator(mode="after")
    def _url_can_be_used(self) -> Self:
        address = urlsplit(self.url.get_secret_value())
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("url must begin with https:// or http:// and name a host")
        if address.username is not None or address.fragment:
            raise ValueError("url must hold neither a password nor a fragment")
        if self.patient_data and address.scheme != "https":
            raise ValueError("patient_data needs an https url")
        return self


MailAddress = Annotated[str, Field(pattern=r"^[!-?A-~]+@[!-?A-~]+$")]


class EmailChannel(ChannelWithSecret):
    """Alerts as e-mail over SMTP."""

    kind: Literal["email"]
    """Always "email"."""
    host: Host
    """Host name or IP address of the mail server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """TCP port."""
    sender: MailAddress
    """Sender address."""
    recipients: Annotated[tuple[MailAddress, ...], Field(min_length=1)]
    """Recipient addresses."""
    patient_data: bool = False
    """Whether alerts contain patient identification and accession number. Needs starttls, which encrypts only the way
    to the mail server."""
    starttls: bool = True
    """Whether the connection must be encrypted with STARTTLS."""
    username: str = ""
    """User name at the mail server; needs starttls and a secret. Empty: no login."""

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        if not self.starttls and (self.patient_data or self.username):
            raise ValueError("patient_data and username need starttls")
        if self.username and not (self.secret_file or self.secret_variable):
            raise ValueError("username needs secret_file or secret_variable")
        return self


AlertChannel = Annotated[HL7Channel | WebhookChannel | EmailChannel, Field(discriminator="kind")]
