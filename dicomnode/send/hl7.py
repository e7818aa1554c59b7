"""Alerts over HL7 v2: the message out, its acknowledgement back."""

from __future__ import annotations

from dicomnode.errors import PeerRefusedError, TransientError
from dicomnode.records import AlertMessage
from dicomnode.send.mllp import exchange
from dicomnode.send.oru import oru_r01
from dicomnode.send.secrets import tls_context
from dicomnode.settings import HL7Channel

ACCEPTED = ("AA", "CA")
REFUSED = ("AE", "CR")
"""The message itself is wrong for the receiver. AR and CE depend on its state, and may change (HL7 v2.5.1, 2.9.2)."""


def send_hl7(channel: HL7Channel, message: AlertMessage) -> str:
    """Send an alert and return how it was acknowledged.

    Raises
    ------
    TransientError
        If nobody answered, or the receiver cannot accept it now.
    PeerRefusedError
        If the receiver says that the message is wrong.
    SettingsError
        If a certificate of the settings cannot be used.
    """
    tls = tls_context(channel, channel.certificate_file) if channel.tls else None
    encoded = oru_r01(channel, message).encode("utf-8", errors="replace")
    answer = exchange(encoded, host=channel.host, port=channel.port, timeout_s=channel.timeout_s, tls=tls)
    return acknowledgement(answer, message.control_id)


def acknowledgement(answer: bytes, control_id: str) -> str:
    """Code in MSA-1 of an acknowledgement that accepts this very message.

    Raises
    ------
    TransientError
        If the answer is not HL7, acknowledges another message, or says that the receiver cannot accept it now.
    PeerRefusedError
        If the receiver says that the message is wrong.
    """
    segments = answer.decode("utf-8", errors="replace").replace("\n", "\r").split("\r")
    header = next((s for s in segments if s.startswith("MSH") and len(s) > 3), None)
    if header is None:
        raise TransientError("the answer is not an HL7 message")
    fields = next((s.split(header[3]) for s in segments if s.startswith("MSA")), [])
    code, acknowledged = ([*fields, "", "", ""])[1:3]
    if acknowledged.strip() != control_id:
        raise TransientError("the answer does not acknowledge this message: MSA-2 is not its control ID")
    # MSA-3 and ERR may quote the message, and so the patient: they are not repeated.
    code = code.strip()
    if code in ACCEPTED:
        return code
    if code in REFUSED:
        raise PeerRefusedError(f"the receiver refused the message: MSA-1 is {code}")
    shown = code if code in ("AR", "CE") else "not known"
    raise TransientError(f"the receiver did not accept the message: MSA-1 is {shown}")
