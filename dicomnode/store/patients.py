"""By what the index tells patients apart: a keyed digest of the Patient ID, in every row of an instance.

Rows of instances, jobs and requests say by it that two studies are of one patient, without naming the patient. Patient
IDs are short and easily guessed, so a plain digest of one would give it away. The key lies beside the images. Names and
IDs themselves are in the catalogue alone (`store.catalogue`).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
from pathlib import Path

from dicomnode.records import Patient

KEY_FILE = "patient.key"
NODE_FILE = "node.id"
_KEY_BYTES = 32


def patient_key(data_dir: Path) -> bytes:
    """Key of a data folder; the first who asks makes it, readable by its owner alone.

    Raises
    ------
    OSError
        If it can be neither read nor written.
    """
    return _made_once(data_dir / KEY_FILE)


def node_id(data_dir: Path) -> str:
    """Name of a data folder that no other one has, made at random by the first who asks; copies of it keep the name.

    Raises
    ------
    OSError
        If it can be neither read nor written.
    """
    return _made_once(data_dir / NODE_FILE).hex()


def _made_once(path: Path) -> bytes:
    """Random bytes of a file; they stay what they were at first."""
    if not path.exists():
        temporary = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # whole or not at all, and only the first of several
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_bytes()


def patient_digest(patient: Patient | None, key: bytes) -> str:
    """HMAC-SHA-256 of the Patient ID, hexadecimal; empty where there is none.

    Over the number alone: who issued it is not said by every header, and is compared when the header is read.
    """
    if patient is None or not patient.patient_id:
        return ""
    return hmac.new(key, patient.patient_id.encode(), hashlib.sha256).hexdigest()
