"""Which objects a destination gets: one table from what its viewers can show to the kinds of object.

What viewers display was partly seen, partly read about; docs/radiologist.md says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from dicomnode.records import ViewerProfile


class Kind(StrEnum):
    """Kind of object; a role is a kind, or a kind, a dot and what tells it from others of its kind."""

    OVERLAY = "overlay"
    SUMMARY = "summary"
    PAGE = "page"
    """The summary in a further language."""
    TEXT = "text-sr"
    REGIONS = "regions-sr"
    STUDY = "study-sr"
    REGIONS_3D = "regions-sr-3d"
    """The same content as REGIONS under the SOP class Comprehensive 3D SR."""
    STUDY_3D = "study-sr-3d"
    REGIONS_ENHANCED = "regions-sr-enhanced"
    """The same content as REGIONS under the SOP class Enhanced SR."""
    STUDY_ENHANCED = "study-sr-enhanced"
    KEY_OBJECTS = "kos"
    PRESENTATION = "gsps"
    SEGMENTATION = "seg"
    FILM_SEGMENTATION = "seg-film"
    """Segments of an image without a frame of reference."""
    PDF = "pdf"


# The documents point at overlays, so whoever gets documents gets those.
_DRAFT = frozenset([Kind.OVERLAY, Kind.TEXT])
_SEGMENTATIONS = frozenset([Kind.SEGMENTATION, Kind.FILM_SEGMENTATION])

PROFILES = {
    ViewerProfile.STANDARD: _DRAFT | {Kind.SUMMARY, Kind.REGIONS, Kind.STUDY, Kind.KEY_OBJECTS},
    # OHIF lists key objects and presentation states with a warning sign and cannot show them; a segmentation
    # without a frame of reference makes it wait for ever.
    ViewerProfile.OHIF: _DRAFT | {Kind.SUMMARY, Kind.REGIONS, Kind.STUDY, Kind.SEGMENTATION, Kind.PDF},
    # Weasis does not ask for Comprehensive SR over C-GET, and draws presentation states on the image.
    ViewerProfile.WEASIS: _DRAFT
    | {Kind.SUMMARY, Kind.REGIONS_ENHANCED, Kind.STUDY_ENHANCED, Kind.KEY_OBJECTS, Kind.PRESENTATION, Kind.PDF}
    | _SEGMENTATIONS,
    ViewerProfile.SLICER: _DRAFT | {Kind.REGIONS, Kind.STUDY, Kind.SEGMENTATION},
    # A peer that takes Secondary Capture and nothing else: what it refuses would end every job as failed.
    ViewerProfile.TEXT_ONLY: frozenset([Kind.OVERLAY, Kind.SUMMARY, Kind.PAGE]),
    # IHE AI Results wants qualitative findings as Comprehensive 3D SR.
    ViewerProfile.AIR: _DRAFT | {Kind.REGIONS_3D, Kind.STUDY_3D, Kind.KEY_OBJECTS} | _SEGMENTATIONS,
}


def kinds_for(profiles: Iterable[ViewerProfile]) -> frozenset[Kind]:
    """Kinds of object that destinations of these profiles need together."""
    return frozenset(kind for profile in profiles for kind in PROFILES[profile])


def is_for(role: str, profile: ViewerProfile) -> bool:
    """Whether a destination of this profile gets the result of this role."""
    return kind_of(role) in PROFILES[profile]


def kind_of(role: str) -> Kind:
    """Kind of object that a role names."""
    return Kind(role.split(".", 1)[0])
