"""Tables `[send.alerts.NAME]`: channels that are told of acute findings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from dicomnode.settings.types import ENVIRONMENT_PREFIX, Host, NetworkSeconds, Seconds, Table


class Channel(Table):
    """What channels of every kind have."""

    timeout_s: NetworkSeconds = 10.0
    """Longest wait for a connection, and again for the answer."""
    longest_retry_s: Seconds = 60.0
    """The wait between two tries never exceeds this; it begins at schedule.first_retry_s and doubles."""
    give_up_after_s: Seconds = 86_400.0
    """An alert that the channel could not deliver for so long, in several tries, has failed."""
    ca_file: Path | None = None
    """PEM file of the authorities that may have signed the peer's certificate. Without: those of this machine."""


class ChannelWithSecret(Channel):
    """A channel that proves who we are by a secret, which does not stand in the settings themselves."""

    secret_file: Path | None = None
    """File that holds the secret: the webhook's signing key, or the password at the mail server."""
    secret_variable: str = ""
    """Environment variable that holds it instead; its name must not begin with DICOMNODE_."""

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
    """`hl7`."""
    host: Host
    """Name or address of the interface engine."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """TCP port."""
    patient_data: bool = True
    """Whether alerts name the patient and the accession number. Without PID a receiver can file nothing."""
    sending_application: NamePart = "DICOMNODE"
    """MSH-3."""
    sending_facility: NamePart = ""
    """MSH-4."""
    receiving_application: NamePart = ""
    """MSH-5."""
    receiving_facility: NamePart = ""
    """MSH-6."""
    processing_id: Literal["P", "T", "D"] = "P"
    """MSH-11: production, training or debugging; test messages always say T."""
    tls: bool = False
    """Whether the connection is encrypted and the peer's certificate checked."""
    certificate_file: Path | None = None
    """PEM file with our own certificate and its key, where the peer asks for one."""


class WebhookChannel(ChannelWithSecret):
    """Alerts as JSON over HTTP POST, signed as "Standard Webhooks" says."""

    kind: Literal["webhook"]
    """`webhook`."""
    url: str
    """Where to; https, or http without patient data."""
    patient_data: bool = False
    """Whether alerts name the patient and the accession number; needs https."""

    @model_validator(mode="after")
    def _url_can_be_used(self) -> Self:
        address = urlsplit(self.url)
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
    """`email`."""
    host: Host
    """Name or address of the mail server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """TCP port."""
    sender: MailAddress
    """Address that the mail comes from."""
    recipients: Annotated[tuple[MailAddress, ...], Field(min_length=1)]
    """Addresses that it goes to."""
    patient_data: bool = False
    """Whether alerts name the patient and the accession number; needs starttls, which ends at the mail server."""
    starttls: bool = True
    """Whether the connection must be encrypted before anything is said."""
    username: str = ""
    """Account at the mail server; needs starttls and a secret. Empty: none."""

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        if not self.starttls and (self.patient_data or self.username):
            raise ValueError("patient_data and username need starttls")
        if self.username and not (self.secret_file or self.secret_variable):
            raise ValueError("username needs secret_file or secret_variable")
        return self


AlertChannel = Annotated[HL7Channel | WebhookChannel | EmailChannel, Field(discriminator="kind")]
