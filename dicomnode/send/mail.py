"""Alerts as e-mail over SMTP."""

from __future__ import annotations

import contextlib
import datetime as dt
import smtplib
import socket
from email.message import EmailMessage
from email.utils import format_datetime

from dicomnode.errors import PeerRefusedError, PeerUnreachableError, TransientError
from dicomnode.records import Acuity, AlertMessage
from dicomnode.send.alert_text import lines, subject
from dicomnode.send.secrets import read_secret, tls_context
from dicomnode.settings import EmailChannel


def send_email(channel: EmailChannel, message: AlertMessage) -> str:
    """Hand an alert to the mail server and return its answer, which does not mean that anybody has read it.

    Raises
    ------
    TransientError
        If the server did not answer, or cannot accept it now.
    PeerRefusedError
        If the server refuses the sender, every recipient or the mail permanently.
    SettingsError
        If password or certificates of the settings cannot be used.
    """
    password = read_secret(channel) if channel.username else ""
    try:
        # Our name is given, because smtplib would ask the DNS for it.
        server = smtplib.SMTP(
            channel.host, channel.port, timeout=channel.timeout_s, local_hostname=socket.gethostname() or "dicomnode"
        )
    except (OSError, UnicodeError):  # smtplib's errors are OSErrors
        raise PeerUnreachableError(f"no mail server answers at {channel.host}:{channel.port}") from None
    try:
        _log_in(server, channel, password)
        refused = server.send_message(mail(channel, message), channel.sender, list(channel.recipients))
        with contextlib.suppress(OSError):  # the mail was accepted before
            server.quit()
    except smtplib.SMTPException as error:
        raise _failure(error) from None
    except OSError as error:
        raise TransientError(f"the mail server did not answer ({type(error).__name__})") from None
    finally:
        server.close()
    taken = len(channel.recipients) - len(refused)
    return f"SMTP 250 for {taken} of {len(channel.recipients)} recipients"


def mail(channel: EmailChannel, message: AlertMessage) -> EmailMessage:
    """The mail, with a Message-ID that is the same at every try."""
    written = EmailMessage()
    written["From"] = channel.sender
    written["To"] = ", ".join(channel.recipients)
    written["Subject"] = subject(message)
    written["Date"] = format_datetime(dt.datetime.now(dt.UTC))
    written["Message-ID"] = _message_id(channel, message.control_id)
    if message.content.retraction is not None:  # readers show it below the mail that it takes back
        written["In-Reply-To"] = written["References"] = _message_id(channel, message.content.retraction.control_id)
    if message.content.acuity in (Acuity.EMERGENT, Acuity.URGENT):
        written["Importance"] = "high"  # RFC 2156
    written["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office notes in answer
    written.set_content("\n".join(lines(message)) + "\n")
    return written


def _message_id(channel: EmailChannel, control_id: str) -> str:
    return f"<{control_id}@{channel.sender.partition('@')[2]}>"


def _log_in(server: smtplib.SMTP, channel: EmailChannel, password: str) -> None:
    if channel.starttls:
        server.starttls(context=tls_context(channel))
    if channel.username:
        server.login(channel.username, password)


def _failure(error: smtplib.SMTPException) -> TransientError | PeerRefusedError:
    """The error for an answer, with its codes only: its words may quote the mail."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = [code for code, _ in error.recipients.values()]
    elif isinstance(error, smtplib.SMTPResponseException):
        answers = [error.smtp_code]
    else:
        return TransientError(f"the mail server did not accept the mail ({type(error).__name__})")
    shown = ", ".join(sorted({str(code) for code in answers}))
    # 5yz is permanent (RFC 5321 4.2.1), but wrong credentials can be corrected and the same mail sent again.
    if all(code >= 500 for code in answers) and not isinstance(error, smtplib.SMTPAuthenticationError):
        return PeerRefusedError(f"the mail server refused the mail: SMTP {shown}")
    return TransientError(f"the mail server did not accept the mail: SMTP {shown}")
