"""UIDs of our own: UUID-derived under 2.25 (PS3.5 B.2), the same for the same words."""

from __future__ import annotations

import uuid

from dicomnode import __version__

NAMESPACE = uuid.UUID("7c1f0d2e-5a52-5f5c-9b1e-0d1c0a1d0e01")
"""Root of every UID that dicomnode derives; never change it."""


def derived_uid(*words: str) -> str:
    """UID of a thing named by `words`, for example a job key and a role."""
    return f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(words)).int}"


IMPLEMENTATION_CLASS_UID = derived_uid("implementation class")
IMPLEMENTATION_VERSION_NAME = f"DICOMNODE_{__version__}"[:16]
MANUFACTURER = "dicomnode"
"""Manufacturer (0008,0070) of every result: by it a node knows a dicomnode's objects when they are routed back."""


def tracking_uid(study_instance_uid: str, bundle: str, finding: str) -> str:
    """Tracking Unique Identifier of a finding since the study in which it was first seen.

    The same in every revision of that study, so that viewers see one finding and not several. It derives from the
    study, not from the patient: a Patient ID could be guessed from what derives from it.
    """
    return derived_uid("tracking", study_instance_uid, bundle, finding)
