"""Which objects a destination gets, and what those objects say that only some destinations get."""

from __future__ import annotations

import dataclasses
from io import BytesIO

import highdicom as hd
import numpy as np
import pytest
from compose.conftest import (
    PNEUMOTHORAX,
    PRIOR_TRACKING_UID,
    TRANSLATIONS,
    a_doubtful_finding,
    a_finding,
    a_full_report,
    a_report,
)
from compose.test_objects import encoded, every_item
from pydicom import Dataset, dcmread
from pydicom.uid import (
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from structlog.testing import capture_logs

from dicomnode.compose import compose, is_for, kinds_for
from dicomnode.compose.profiles import PROFILES
from dicomnode.compose.typeface import can_be_shaped
from dicomnode.records import Outcome, ResultKind, ViewerProfile


def results_for(request, profile: ViewerProfile) -> dict[str, Dataset]:
    """Results by role, as a destination of this profile gets them."""
    request = dataclasses.replace(request, kinds=kinds_for([profile]))
    return {c.role: dcmread(BytesIO(encoded(c.dataset))) for c in compose(request)}


@pytest.fixture
def a_full_film(a_request, a_dx_film):
    """Request of a film with all that a report can have."""
    return a_request((a_dx_film,), a_full_report(a_dx_film))


@pytest.fixture
def a_full_ct(a_request, a_ct_series):
    """Request of a CT with two findings on different slices."""
    report = a_full_report(a_ct_series[0])
    elsewhere = dataclasses.replace(a_doubtful_finding(a_ct_series[2]))
    return a_request(
        a_ct_series, dataclasses.replace(report, findings=(report.findings[0], elsewhere, *report.findings[2:]))
    )


OVERLAYS = ["overlay.pneumonia", "overlay.pneumothorax"]
TEXTS = [f"text-sr.{tag}" for tag in ("en", *TRANSLATIONS)]
# The shipped font has no Chinese and no Hindi; Arabic needs FriBiDi.
PAGES = ["page.de", *(["page.ar"] if can_be_shaped("\u0627") else [])]


@pytest.mark.parametrize(
    ("profile", "roles"),
    [
        (ViewerProfile.STANDARD, [*OVERLAYS, "summary", *TEXTS, "regions-sr", "study-sr", "kos"]),
        (ViewerProfile.OHIF, [*OVERLAYS, "summary", *TEXTS, "regions-sr", "study-sr", "seg.1", "pdf"]),
        (
            ViewerProfile.WEASIS,
            [
                *OVERLAYS,
                "summary",
                *TEXTS,
                "regions-sr-enhanced",
                "study-sr-enhanced",
                "kos",
                "gsps.1",
                "gsps.2",
                "seg.1",
                "pdf",
            ],
        ),
        (ViewerProfile.SLICER, [*OVERLAYS, *TEXTS, "regions-sr", "study-sr", "seg.1"]),
        (ViewerProfile.TEXT_ONLY, [*OVERLAYS, "summary", *PAGES]),
        (ViewerProfile.AIR, [*OVERLAYS, *TEXTS, "regions-sr-3d", "study-sr-3d", "kos", "seg.1"]),
    ],
)
def test_each_profile_gets_its_objects(profile, roles, a_full_ct):
    """What a destination's viewers cannot show does not go there."""
    assert roles == list(results_for(a_full_ct, profile))


@pytest.mark.parametrize("profile", ViewerProfile)
def test_what_documents_point_at_goes_with_them(profile, a_full_film):
    """No destination gets a document whose images it did not get."""
    results = results_for(a_full_film, profile)
    held = {ds.SOPInstanceUID for ds in results.values()} | {a_full_film.sources[0].SOPInstanceUID}

    pointed_at = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for ds in results.values()
        for item in every_item(ds)
        if item.ValueType == "IMAGE"
    }

    assert pointed_at <= held


def test_two_profiles_are_composed_at_once_and_told_apart_by_role(a_full_film):
    """The union is built once; each destination's part of it is what it would get alone."""
    both = [ViewerProfile.AIR, ViewerProfile.TEXT_ONLY]
    roles = [c.role for c in compose(dataclasses.replace(a_full_film, kinds=kinds_for(both)))]

    for profile in both:
        assert list(results_for(a_full_film, profile)) == [role for role in roles if is_for(role, profile)]


SC = SecondaryCaptureImageStorage

PEERS_TAKE = {
    ViewerProfile.STANDARD: {SC, BasicTextSRStorage, ComprehensiveSRStorage, KeyObjectSelectionDocumentStorage},
    ViewerProfile.OHIF: {SC, BasicTextSRStorage, ComprehensiveSRStorage, SegmentationStorage, EncapsulatedPDFStorage},
    ViewerProfile.WEASIS: {
        SC,
        BasicTextSRStorage,
        EnhancedSRStorage,
        KeyObjectSelectionDocumentStorage,
        GrayscaleSoftcopyPresentationStateStorage,
        SegmentationStorage,
        EncapsulatedPDFStorage,
    },
    ViewerProfile.SLICER: {SC, BasicTextSRStorage, ComprehensiveSRStorage, SegmentationStorage},
    ViewerProfile.TEXT_ONLY: {SC},
    ViewerProfile.AIR: {
        SC,
        BasicTextSRStorage,
        Comprehensive3DSRStorage,
        KeyObjectSelectionDocumentStorage,
        SegmentationStorage,
    },
}
"""SOP classes that the peers of a profile are taken to accept."""


@pytest.mark.parametrize("profile", ViewerProfile)
@pytest.mark.parametrize("outcome", Outcome)
def test_a_profile_sends_no_sop_class_that_its_peers_do_not_take(profile, outcome, a_request, a_ct_series):
    """Whatever came of the reading; and every study gets something that its peer can take."""
    source = a_ct_series[0]
    report = a_full_report(source) if outcome is Outcome.FINDINGS else a_report(outcome)
    sent = {ds.SOPClassUID for ds in results_for(a_request(a_ct_series, report), profile).values()}

    assert sent
    assert sent <= PEERS_TAKE[profile]
    assert outcome is not Outcome.FINDINGS or sent == PEERS_TAKE[profile]


def test_a_language_that_cannot_be_drawn_has_no_page(a_request, a_dx_film):
    """Its place is not taken by English under its name, and the summary is there."""
    report = a_full_report(a_dx_film)
    chinese = dataclasses.replace(report.texts[0], language="zh", title="影像印象")
    request = a_request((a_dx_film,), dataclasses.replace(report, texts=(report.texts[0], chinese)))

    assert [*OVERLAYS, "summary"] == list(results_for(request, ViewerProfile.TEXT_ONLY))


def test_pages_stand_in_series_of_their_language(a_full_film):
    """A reader finds the page of a language by the description of its series."""
    results = results_for(a_full_film, ViewerProfile.TEXT_ONLY)
    series = {role: ds for role, ds in results.items() if not role.startswith("overlay")}

    assert len(series) == len({ds.SeriesInstanceUID for ds in series.values()})
    assert len(series) == len({ds.SeriesNumber for ds in series.values()})
    assert len(series) == len({ds.PixelData for ds in series.values()})
    for role, ds in series.items():
        assert "AI summary" in ds.SeriesDescription
        assert role == "summary" or role.split(".")[1] in ds.SeriesDescription


def test_every_kind_goes_to_some_profile():
    """An object that no profile asks for would never be made."""
    assert set(ResultKind) == set().union(*PROFILES.values())


@pytest.mark.parametrize(
    ("suffix", "sop_class"),
    [("", ComprehensiveSRStorage), ("-3d", Comprehensive3DSRStorage), ("-enhanced", EnhancedSRStorage)],
)
def test_the_same_content_stands_under_each_sop_class(suffix, sop_class, a_request, a_ct_series):
    """Only the SOP class and what identifies the object differ."""
    request = a_request(a_ct_series, a_full_report(a_ct_series[0]), kinds=frozenset(ResultKind))
    results = {c.role: c.dataset for c in compose(request)}

    for role in ("regions-sr", "study-sr"):
        assert sop_class == results[role + suffix].SOPClassUID
        assert results[role].ContentSequence == results[role + suffix].ContentSequence


def test_outlines_lie_where_the_regions_are(a_full_ct):
    """A presentation state for each image, drawn from the corner of the first pixel."""
    results = results_for(a_full_ct, ViewerProfile.WEASIS)

    for role, finding in zip(("gsps.1", "gsps.2"), a_full_ct.report.findings, strict=False):
        annotation = results[role].GraphicAnnotationSequence[0]
        outline = annotation.GraphicObjectSequence[0]
        expected = [value for point in finding.region for value in (point.column + 0.5, point.row + 0.5)]
        assert pytest.approx(expected) == list(outline.GraphicData)
        image = annotation.ReferencedImageSequence[0].ReferencedSOPInstanceUID
        assert finding.heatmap.image.sop_instance_uid == image
        assert any(f"{finding.percent}%" in text.UnformattedTextValue for text in annotation.TextObjectSequence)
        assert any("not for diagnostic use" in text.UnformattedTextValue for text in annotation.TextObjectSequence)


def test_a_presentation_state_shows_the_image_in_its_own_grey_levels(a_request, a_ct_series, a_hard_film):
    """Rescale and window are the image's; an inverted film stays inverted."""
    ct = a_ct_series[0]
    ct.RescaleIntercept, ct.RescaleSlope, ct.RescaleType = -1024, 1, "HU"
    ct.WindowCenter, ct.WindowWidth = 40, 80

    of_ct, of_film = (
        results_for(a_request((s,), a_report(Outcome.FINDINGS, a_finding(s))), ViewerProfile.WEASIS)["gsps.1"]
        for s in (ct, a_hard_film)
    )

    assert (-1024, 1, "HU") == (of_ct.RescaleIntercept, of_ct.RescaleSlope, of_ct.RescaleType)
    assert (40, 80) == (of_ct.SoftcopyVOILUTSequence[0].WindowCenter, of_ct.SoftcopyVOILUTSequence[0].WindowWidth)
    assert ["IDENTITY", "INVERSE"] == [of_ct.PresentationLUTShape, of_film.PresentationLUTShape]
    assert "SoftcopyVOILUTSequence" not in of_film


def test_segments_cover_the_regions_on_their_slices(a_full_ct, tmp_path):
    """Read by highdicom: a segment for each finding, at its place, under its tracking UID."""
    results = compose(dataclasses.replace(a_full_ct, kinds=frozenset([ResultKind.SEGMENTATION])))
    (tmp_path / "seg.dcm").write_bytes(encoded(next(c.dataset for c in results if c.role == "seg.1")))
    seg = hd.seg.segread(tmp_path / "seg.dcm")

    assert 2 == seg.number_of_segments
    assert PRIOR_TRACKING_UID == seg.get_segment_description(2).tracking_uid
    for number, finding in enumerate(a_full_ct.report.findings[:2], start=1):
        uid = finding.heatmap.image.sop_instance_uid
        pixels = seg.get_pixels_by_source_instance([uid], segment_numbers=[number])[0, ..., 0]
        rows, columns = np.nonzero(pixels)
        assert (180, 240, 144, 192) == (rows.min(), rows.max(), columns.min(), columns.max())


def test_segments_of_a_film_have_a_kind_of_their_own(a_full_film):
    """OHIF waits for ever for the geometry that a film does not have, so it gets none of them."""
    assert "seg-film.1" in results_for(a_full_film, ViewerProfile.AIR)
    assert not [role for role in results_for(a_full_film, ViewerProfile.OHIF) if role.startswith("seg")]


def test_the_pdf_says_what_it_holds(a_full_film):
    """A document of the study in the house's language, with its length and its sources."""
    ds = results_for(a_full_film, ViewerProfile.OHIF)["pdf"]

    assert ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength].startswith(b"%PDF-")
    assert ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength].rstrip().endswith(b"%%EOF")
    assert "AI draft report" == ds.DocumentTitle
    assert [a_full_film.sources[0].SOPInstanceUID] == [i.ReferencedSOPInstanceUID for i in ds.SourceInstanceSequence]


def test_a_header_that_one_object_cannot_be_built_from_costs_only_that_object(a_request, a_ct_series):
    """A CT whose geometry is half missing has no segmentation; all else is sent, and the log says so."""
    source = a_ct_series[0]
    del source.PixelSpacing, source.ImageOrientationPatient
    report = a_report(Outcome.FINDINGS, a_finding(source), a_finding(source, PNEUMOTHORAX))

    with capture_logs() as logs:
        results = results_for(a_request((source,), report), ViewerProfile.OHIF)

    assert [*OVERLAYS, "summary", "text-sr.en", "regions-sr", "study-sr", "pdf"] == list(results)
    assert ["left out"] == [entry["event"] for entry in logs]
