"""What every answer is made of."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from compose.conftest import PNEUMOTHORAX, a_finding, a_full_report, a_header, a_report, an_absent_finding
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import UID, EncapsulatedPDFStorage

from dicomnode.compose import compose
from dicomnode.dicom.uids import MANUFACTURER
from dicomnode.errors import ComposeError
from dicomnode.records import Outcome, ResultInstance, ResultKind
from dicomnode.settings import AcuityLevel


def encoded(ds: Dataset) -> bytes:
    """Encode as the node writes it."""
    file = BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


@pytest.fixture
def some_results(a_request, a_ct_series):
    """Results of a CT with one finding that is there and one that is not."""
    report = a_report(Outcome.FINDINGS, a_finding(a_ct_series[1]), an_absent_finding())
    return {composed.role: composed.dataset for composed in compose(a_request(a_ct_series, report))}


def test_a_reading_with_findings_gives_all_objects_images_first(some_results):
    """What documents point at is made, and sent, before them."""
    assert ["overlay.pneumonia", "summary", "text-sr.en", "regions-sr", "study-sr", "kos"] == list(some_results)


@pytest.mark.parametrize(
    ("outcome", "coded"),
    [
        (Outcome.NOTHING_FOUND, "111241"),
        (Outcome.UNDETERMINED, "111243"),
        (Outcome.NOT_APPLICABLE, "111245"),
        (Outcome.NOT_JUDGED, "111245"),
        (Outcome.COULD_NOT_RUN, "111245"),
    ],
)
def test_every_outcome_is_an_object_and_a_code(outcome, coded, a_request, a_dx_film):
    """A study without findings, or without a reading, is answered too, for people and in codes."""
    findings = (an_absent_finding(),) if outcome in {Outcome.NOTHING_FOUND, Outcome.UNDETERMINED} else ()

    results = {c.role: c.dataset for c in compose(a_request((a_dx_film,), a_report(outcome, *findings)))}

    assert ["summary", "text-sr.en", "study-sr"] == list(results)
    assert [coded] == values_of(results["study-sr"], "111064")


def test_composing_twice_gives_the_same_bytes(a_request, a_hard_film):
    """A job that runs again after a crash makes nothing new."""
    report = a_report(Outcome.FINDINGS, a_finding(a_hard_film), an_absent_finding())
    request = a_request((a_hard_film,), report)

    first = [encoded(composed.dataset) for composed in compose(request)]
    second = [encoded(composed.dataset) for composed in compose(request)]

    assert first == second


def test_objects_of_all_profiles_have_the_same_bytes_again(a_request, a_ct_series):
    """PDF, segmentation and the rest take nothing from clock or chance."""
    request = a_request(a_ct_series, a_full_report(a_ct_series[0]), kinds=frozenset(ResultKind))

    first, second = ([encoded(composed.dataset) for composed in compose(request)] for _ in range(2))

    assert first == second


def test_another_job_has_other_uids(a_request, a_dx_film, some_results):
    """Another job never reuses a UID, and no two objects share one."""
    report = a_report(Outcome.FINDINGS, a_finding(a_dx_film), an_absent_finding())

    def uids(job_key: str) -> set[str]:
        results = compose(a_request((a_dx_film,), report, job_key=job_key))
        return {uid for c in results for uid in (c.dataset.SOPInstanceUID, c.dataset.SeriesInstanceUID)}

    assert 12 == len(uids("a"))
    assert not uids("a") & uids("b")
    assert all(UID(uid).is_valid for uid in uids("a"))


def test_results_are_marked_as_unverified_research(some_results):
    """No object can be taken for a verified one, or for a product's."""
    for role, ds in some_results.items():
        assert "RESEARCH" == ds.ContentQualification
        assert ds.SeriesDescription.startswith("! URGENT AI ")
        assert ds.SeriesDescription.endswith("RESEARCH not for diagnostic use")
        assert len(ds.SeriesDescription) <= 64
        assert MANUFACTURER == ds.Manufacturer
        if role.endswith("-sr") or role.startswith("text-sr"):
            assert ("UNVERIFIED", "PRELIMINARY", "COMPLETE") == (
                ds.VerificationFlag,
                ds.PreliminaryFlag,
                ds.CompletionFlag,
            )


def test_a_long_flag_of_the_house_never_hides_the_disclaimer(a_request, a_dx_film):
    """The flag is cut, the disclaimer stays whole."""
    level = AcuityLevel(due_s=0, c_store_priority=1, series_flag="x" * 100, has_kos=False)

    ds = compose(a_request((a_dx_film,), a_report(Outcome.NOT_APPLICABLE), level=level))[1].dataset

    assert 64 == len(ds.SeriesDescription)
    assert ds.SeriesDescription.endswith(" AI text report en RESEARCH not for diagnostic use")


def test_equipment_and_observer_are_the_same_device(some_results):
    """The UID that tells an INT8 from an INT4 result is the same wherever a device is named."""
    for ds in some_results.values():
        device = ds.ContributingEquipmentSequence[0]
        named = [item.UID for item in ds.get("ContentSequence", []) if item.ValueType == "UIDREF"]
        assert ("cxr", "1.2.0") == (device.ManufacturerModelName, device.SoftwareVersions)
        assert named in ([], [device.DeviceUID])


def test_series_are_numbered_and_separate(some_results):
    """Each kind of object has its own series, numbered from the settings."""
    assert [9000, 9005, 9001, 9002, 9003, 9004] == [ds.SeriesNumber for ds in some_results.values()]


def test_key_objects_follow_the_settings(a_request, a_dx_film):
    """Where the house wants no key objects there are none."""
    level = AcuityLevel(due_s=0, c_store_priority=1, series_flag="", has_kos=False)

    results = compose(a_request((a_dx_film,), a_report(Outcome.FINDINGS, a_finding(a_dx_film)), level=level))

    assert ["overlay.pneumonia", "summary", "text-sr.en", "regions-sr", "study-sr"] == [c.role for c in results]


def test_regions_and_the_rest_never_share_a_document(a_request, a_dx_film):
    """Viewers that draw regions show nothing of a mixed report."""
    report = a_report(
        Outcome.FINDINGS, a_finding(a_dx_film), a_finding(a_dx_film, PNEUMOTHORAX), an_absent_finding(PNEUMOTHORAX)
    )
    results = {c.role: c.dataset for c in compose(a_request((a_dx_film,), report))}

    def groups(role: str) -> list[bool]:
        measurements = next(
            i for i in results[role].ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "126010"
        )
        return [any(i.ValueType == "SCOORD" for i in group.ContentSequence) for group in measurements.ContentSequence]

    assert [True, True] == groups("regions-sr")
    assert [False] == groups("study-sr")


def test_regions_are_drawn_from_the_corner_of_the_first_pixel(a_request, a_dx_film):
    """Pixel centres of the report become DICOM's (column, row), half a pixel further."""
    finding = a_finding(a_dx_film)
    results = {c.role: c.dataset for c in compose(a_request((a_dx_film,), a_report(Outcome.FINDINGS, finding)))}

    scoord = next(i for i in every_item(results["regions-sr"]) if i.ValueType == "SCOORD")

    expected = [value for point in finding.region for value in (point.column + 0.5, point.row + 0.5)]
    assert pytest.approx(expected) == list(scoord.GraphicData)
    assert a_dx_film.SOPInstanceUID == scoord.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID


def test_the_finding_leads_to_its_heat_map(some_results):
    """Report and sentence point at the overlay by the standard's own concepts."""
    overlay = some_results["overlay.pneumonia"].SOPInstanceUID

    for role, concept in (("regions-sr", "130401"), ("text-sr.en", "121080")):
        images = [
            item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
            for item in every_item(some_results[role])
            if item.ValueType == "IMAGE" and item.ConceptNameCodeSequence[0].CodeValue == concept
        ]
        assert [overlay] == images


def test_documents_name_their_predecessors_of_the_same_role(a_request, a_dx_film):
    """A later revision says which result it replaces."""
    earlier = ResultInstance(
        role="text-sr.en",
        sop_instance_uid="1.2.9.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.11",
        series_instance_uid="1.2.9",
        path=Path("/nowhere"),
    )
    report = a_report(Outcome.NOTHING_FOUND, an_absent_finding())
    results = {c.role: c.dataset for c in compose(a_request((a_dx_film,), report, previous=(earlier,)))}

    series = results["text-sr.en"].PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert ("1.2.9", "1.2.9.1") == (series.SeriesInstanceUID, series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
    assert "PredecessorDocumentsSequence" not in results["study-sr"]


def test_any_unicode_survives_encoding(a_request, a_hard_film):
    """Greek, Chinese and a backslash come back as they were drafted; the name is the patient's."""
    results = compose(a_request((a_hard_film,), a_report(Outcome.FINDINGS, a_finding(a_hard_film))))
    ds = dcmread(BytesIO(encoded(next(c.dataset for c in results if c.role == "text-sr.en"))))

    said = [item.TextValue for item in every_item(ds) if item.ValueType == "TEXT"]
    assert "Opacity in the lower lobe, \u03b1 \u2265 2 cm \\ \u80ba\u708e." in said
    assert "Wang^XiaoDong=王^小东" == str(ds.PatientName)


def test_times_are_those_of_the_studys_zone(a_request, a_dx_film):
    """Where the study says its offset from UTC, so the results' dates and times are meant."""
    a_dx_film.TimezoneOffsetFromUTC = "-0600"

    ds = compose(a_request((a_dx_film,), a_report(Outcome.NOT_APPLICABLE)))[0].dataset

    assert ("20260303", "230607", "-0600") == (ds.ContentDate, ds.ContentTime, ds.TimezoneOffsetFromUTC)


def test_a_study_without_images_is_answered(a_request):
    """A PDF alone still gets its "not applicable", in its study."""
    pdf = a_header(EncapsulatedPDFStorage, "DOC")
    del pdf.Rows, pdf.Columns

    ds = compose(a_request((pdf,), a_report(Outcome.NOT_APPLICABLE)))[1].dataset

    evidence = ds.CurrentRequestedProcedureEvidenceSequence[0]
    assert pdf.StudyInstanceUID == ds.StudyInstanceUID == evidence.StudyInstanceUID


def test_a_source_without_study_is_refused_by_name(a_request):
    """Results that could not be filed are not made."""
    with pytest.raises(ComposeError, match=r"Study Instance UID \(0020,000D\)"):
        compose(a_request((Dataset(),), a_report(Outcome.NOT_APPLICABLE)))


def test_a_heat_map_of_an_unknown_image_is_refused_by_name(a_request, a_dx_film, a_hard_film):
    """An overlay always has the image that it was drawn on."""
    with pytest.raises(ComposeError, match=str(a_hard_film.SOPInstanceUID)):
        compose(a_request((a_dx_film,), a_report(Outcome.FINDINGS, a_finding(a_hard_film))))


def test_what_the_libraries_raise_is_one_error_without_patient_data(a_request, a_dx_film, monkeypatch):
    """A header that no library can build upon is a named refusal that quotes nothing of it."""

    def broken(*_: object) -> None:
        raise AttributeError("Doe^Jane has no attribute")

    monkeypatch.setattr("dicomnode.compose.objects.text_report", broken)

    with pytest.raises(ComposeError, match=r"\(AttributeError in objects.py") as caught:
        compose(a_request((a_dx_film,), a_report(Outcome.NOT_APPLICABLE)))
    assert "Doe" not in str(caught.value)


def values_of(ds: Dataset, name: str) -> list[str]:
    """Code Values of all CODE items of a concept name."""
    named = [item for item in every_item(ds) if item.get("ConceptNameCodeSequence")]
    return [
        item.ConceptCodeSequence[0].CodeValue
        for item in named
        if item.ValueType == "CODE" and item.ConceptNameCodeSequence[0].CodeValue == name
    ]


def every_item(ds: Dataset) -> list[Dataset]:
    """All content items below `ds`."""
    return [found for item in ds.get("ContentSequence", []) for found in (item, *every_item(item))]
