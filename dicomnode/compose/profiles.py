"""Which objects a destination gets: one table from what its viewers can show to the kinds of object.

What viewers display was partly seen, partly read about; docs/radiologist.md says which.
"""

from __future__ import annotations

from collections.abc import Iterable

from dicomnode.records import ResultKind, ViewerProfile

# The documents point at overlays, so whoever gets documents gets those.
_DRAFT = frozenset([ResultKind.OVERLAY, ResultKind.TEXT])
_SEGMENTATIONS = frozenset([ResultKind.SEGMENTATION, ResultKind.FILM_SEGMENTATION])

PROFILES = {
    ViewerProfile.STANDARD: _DRAFT | {ResultKind.SUMMARY, ResultKind.REGIONS, ResultKind.STUDY, ResultKind.KEY_OBJECTS},
    # OHIF lists key objects and presentation states with a warning sign and cannot show them; a segmentation
    # without a frame of reference makes it wait for ever.
    ViewerProfile.OHIF: _DRAFT
    | {ResultKind.SUMMARY, ResultKind.REGIONS, ResultKind.STUDY, ResultKind.SEGMENTATION, ResultKind.PDF},
    # Weasis does not ask for Comprehensive SR over C-GET, and draws presentation states on the image.
    ViewerProfile.WEASIS: _DRAFT
    | {
        ResultKind.SUMMARY,
        ResultKind.REGIONS_ENHANCED,
        ResultKind.STUDY_ENHANCED,
        ResultKind.KEY_OBJECTS,
        ResultKind.PRESENTATION,
        ResultKind.PDF,
    }
    | _SEGMENTATIONS,
    ViewerProfile.SLICER: _DRAFT | {ResultKind.REGIONS, ResultKind.STUDY, ResultKind.SEGMENTATION},
    # A peer that takes Secondary Capture and nothing else: what it refuses would end every job as failed.
    ViewerProfile.TEXT_ONLY: frozenset([ResultKind.OVERLAY, ResultKind.SUMMARY, ResultKind.PAGE]),
    # IHE AI Results wants qualitative findings as Comprehensive 3D SR.
    ViewerProfile.AIR: _DRAFT | {ResultKind.REGIONS_3D, ResultKind.STUDY_3D, ResultKind.KEY_OBJECTS} | _SEGMENTATIONS,
}


def kinds_for(profiles: Iterable[ViewerProfile]) -> frozenset[ResultKind]:
    """Kinds of object that destinations of these profiles need together."""
    return frozenset(kind for profile in profiles for kind in PROFILES[profile])


def is_for(role: str, profile: ViewerProfile) -> bool:
    """Whether a destination of this profile gets the result of this role."""
    return kind_of(role) in PROFILES[profile]


def kind_of(role: str) -> ResultKind:
    """Kind of object that a role names."""
    return ResultKind(role.split(".", 1)[0])
