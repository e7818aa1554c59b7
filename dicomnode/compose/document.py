"""What our SR documents have in common: their modules and the items that every tree holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import highdicom as hd
from pydicom import Dataset

from dicomnode.compose.common import Series, common_attributes, device_uid
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.texts import unlimited_text
from dicomnode.dicom import codes
from dicomnode.dicom.codes import code
from dicomnode.dicom.elements import text as header_text
from dicomnode.dicom.procedure import procedure_of
from dicomnode.dicom.uids import MANUFACTURER
from dicomnode.records import BundleIdentity, CodedConcept, PriorStudy

CONTAINS = hd.sr.RelationshipTypeValues.CONTAINS
HAS_CONCEPT_MOD = hd.sr.RelationshipTypeValues.HAS_CONCEPT_MOD
INFERRED_FROM = hd.sr.RelationshipTypeValues.INFERRED_FROM

_KEYS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


def sr_document(
    request: ComposeRequest,
    series: Series,
    role: str,
    tree: Dataset,
    others: Sequence[Composed] = (),
    *,
    language: str = "",
) -> Composed:
    """Put a content tree into a document (PS3.3 C.17.1 to C.17.3).

    Parameters
    ----------
    tree
        Root container.
    others
        Results that the tree may point at, besides the sources.
    language
        RFC 5646 tag, where there is one such document for each language.
    """
    ds = common_attributes(request, series, role, language=language)
    _put(ds, tree, [*_evidence(request, others), *_prior_evidence(request.report.prior)])
    ds.CompletionFlag = "COMPLETE"
    ds.VerificationFlag = "UNVERIFIED"
    ds.PreliminaryFlag = "PRELIMINARY"
    ds.PerformedProcedureCodeSequence = []
    predecessors = [result for result in request.previous if result.role == role]
    if predecessors:
        ds.PredecessorDocumentsSequence = [
            study_reference(ds.StudyInstanceUID, {r.series_instance_uid: {r.sop_instance_uid: r.sop_class_uid}})
            for r in predecessors
        ]
    return Composed(role=role, dataset=ds)


def document(
    request: ComposeRequest, series: Series, role: str, tree: Dataset, others: Sequence[Composed] = ()
) -> Dataset:
    """Put a content tree into what SR and key object documents share."""
    ds = common_attributes(request, series, role)
    _put(ds, tree, _evidence(request, others))
    return ds


def _put(ds: Dataset, tree: Dataset, evidence: Sequence[Dataset]) -> None:
    ds.ReferencedPerformedProcedureStepSequence = []
    known = [item for item in evidence if all(item.get(keyword) for keyword in _KEYS)]
    own = ds.StudyInstanceUID
    current = _hierarchy([item for item in known if item.StudyInstanceUID == own])
    pertinent = _hierarchy([item for item in known if item.StudyInstanceUID != own])
    if current:
        ds.CurrentRequestedProcedureEvidenceSequence = current
    if pertinent:
        ds.PertinentOtherEvidenceSequence = pertinent
    separate(tree)
    for element in tree:
        ds.add(element)


def _hierarchy(instances: Sequence[Dataset]) -> list[Dataset]:
    """Hierarchical SOP references (PS3.3 C.17.2.1), each instance once.

    Not by highdicom: it searches the whole tree for references first, a fifth of the time that a study takes.
    """
    studies: dict[str, dict[str, dict[str, str]]] = {}
    for instance in instances:
        series = studies.setdefault(instance.StudyInstanceUID, {}).setdefault(instance.SeriesInstanceUID, {})
        series[instance.SOPInstanceUID] = instance.SOPClassUID
    return [study_reference(uid, found) for uid, found in studies.items()]


def study_reference(study_instance_uid: str, series: Mapping[str, Mapping[str, str]]) -> Dataset:
    """Item of a hierarchical SOP reference (PS3.3 C.17.2.1): SOP class by instance by series."""
    study = Dataset()
    study.StudyInstanceUID = study_instance_uid
    study.ReferencedSeriesSequence = [Dataset() for _ in series]
    for item, (series_instance_uid, instances) in zip(study.ReferencedSeriesSequence, series.items(), strict=True):
        item.SeriesInstanceUID = series_instance_uid
        item.ReferencedSOPSequence = [Dataset() for _ in instances]
        for sop, (uid, sop_class_uid) in zip(item.ReferencedSOPSequence, instances.items(), strict=True):
            sop.ReferencedSOPClassUID = sop_class_uid
            sop.ReferencedSOPInstanceUID = uid
    return study


def _evidence(request: ComposeRequest, others: Sequence[Composed]) -> list[Dataset]:
    """The study's instances that were read, and results of ours."""
    return [*(_reference(source) for source in request.sources), *(other.dataset for other in others)]


def _prior_evidence(prior: PriorStudy | None) -> list[Dataset]:
    """The prior study's instances; what lies in another study becomes Pertinent Other Evidence."""
    evidence = []
    for instance in prior.instances if prior else ():
        item = Dataset()
        item.SOPClassUID, item.SOPInstanceUID = instance.sop_class_uid, instance.sop_instance_uid
        item.StudyInstanceUID, item.SeriesInstanceUID = instance.study_instance_uid, instance.series_instance_uid
        evidence.append(item)
    return evidence


def root(title: CodedConcept, template: str, items: Sequence[Dataset]) -> Dataset:
    """Root container of a template's tree."""
    container: Dataset = hd.sr.ContainerContentItem(name=code(title), is_content_continuous=False, template_id=template)
    container.ContentSequence = hd.sr.ContentSequence(items)
    return container


def section(title: CodedConcept, items: Sequence[Dataset]) -> Dataset:
    """Container below the root."""
    container: Dataset = hd.sr.ContainerContentItem(
        name=code(title), is_content_continuous=False, relationship_type=CONTAINS
    )
    container.ContentSequence = hd.sr.ContentSequence(items)
    return container


def text_item(name: CodedConcept, value: str) -> Dataset:
    """TEXT item."""
    item: Dataset = hd.sr.TextContentItem(name=code(name), value=unlimited_text(value), relationship_type=CONTAINS)
    return item


def image_item(name: CodedConcept, ds: Dataset, relationship: hd.sr.RelationshipTypeValues = CONTAINS) -> Dataset:
    """IMAGE item that points at a result of ours."""
    item: Dataset = hd.sr.ImageContentItem(
        name=code(name),
        referenced_sop_class_uid=ds.SOPClassUID,
        referenced_sop_instance_uid=ds.SOPInstanceUID,
        relationship_type=relationship,
    )
    return item


def language(tag: str) -> hd.sr.LanguageOfContentItemAndDescendants:
    """TID 1204, for a language by its RFC 5646 tag."""
    return hd.sr.LanguageOfContentItemAndDescendants(code(codes.language(tag)))


def observation_context(request: ComposeRequest) -> hd.sr.ObservationContext:
    """TID 1001: a device observed, the one that Contributing Equipment names."""
    return device_observer(request.report.bundle)


def device_observer(bundle: BundleIdentity | None) -> hd.sr.ObservationContext:
    """TID 1001 for a bundle; None: the program itself."""
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=device_uid(bundle),
        name=MANUFACTURER,
        manufacturer_name=unlimited_text(bundle.manufacturer if bundle else MANUFACTURER),
        model_name=unlimited_text(f"{bundle.name} {bundle.version}" if bundle else MANUFACTURER),
    )
    return hd.sr.ObservationContext(
        observer_device_context=hd.sr.ObserverContext(
            observer_type=code(codes.DEVICE), observer_identifying_attributes=device
        )
    )


def procedure(request: ComposeRequest) -> CodedConcept:
    """The imaging procedure that the sources document: as it was ordered or done, else by modality and body part."""
    for header in (request.study, *request.sources):
        if (coded := procedure_of(header)) is not None:
            return coded
    examined = request.report.examination
    body_parts = (header_text(header, "BodyPartExamined") for header in (request.study, *request.sources))
    return codes.procedure(
        header_text(request.study, "Modality"),
        (examined.body_part if examined else "") or next(filter(None, body_parts), ""),
        examined.views if examined else (),
    )


def separate(container: Dataset) -> None:
    """Say of every container that its items stand for themselves; viewers run continuous ones together."""
    container.ContinuityOfContent = "SEPARATE"
    for item in container.get("ContentSequence", []):
        if item.ValueType == "CONTAINER":
            separate(item)


def _reference(source: Dataset) -> Dataset:
    """Only the UIDs of a source, cleaned, so that evidence does not depend on the rest of its header."""
    ds = Dataset()
    for keyword in _KEYS:
        setattr(ds, keyword, header_text(source, keyword))
    return ds
