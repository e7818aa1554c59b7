"""Presentation contexts: storage and verification are accepted, every other service is not."""

from __future__ import annotations

import pynetdicom.sop_class
import pytest
from pydicom._uid_dict import UID_dictionary
from pynetdicom import AE, AllStoragePresentationContexts, build_role
from pynetdicom.sop_class import CTImageStorage, ModalityWorklistInformationFind
from structlog.testing import capture_logs

from dicomnode.receive.sop_classes import is_storage

STORAGE = {context.abstract_syntax for context in AllStoragePresentationContexts}
RETIRED_STORAGE = {
    uid
    for uid, (name, kind, _, retired, _) in UID_dictionary.items()
    if kind == "SOP Class" and retired and (uid.startswith("1.2.840.10008.5.1.4.1.1.") or "Image Storage" in name)
}
PRIVATE_STORAGE = {"1.3.12.2.1107.5.9.1", "1.3.46.670589.11.0.0.12.1", "1.2.840.113619.4.30", "1.2.276.0.99999.1"}
NEWER_STORAGE = {"1.2.840.10008.5.1.4.1.1.9999.1"}
TABLES = [
    table
    for name, table in vars(pynetdicom.sop_class).items()
    if name.endswith("_CLASSES") and isinstance(table, dict) and name not in ("_STORAGE_CLASSES", "_SERVICE_CLASSES")
]
OTHER_SERVICES = (
    {uid for table in TABLES for uid in table.values()}
    | {uid for uid, (_, kind, *_) in UID_dictionary.items() if kind in ("Meta SOP Class", "Service Class")}
    | {uid for uid, (name, *_) in UID_dictionary.items() if "Management" in name or "Notification" in name}
    | {uid for uid, (name, *_) in UID_dictionary.items() if name.split(" (")[0].endswith(("FIND", "MOVE", "GET"))}
    | {
        "1.2.840.10008.1.3.10",  # DICOMDIR
        "1.2.840.10008.1.20.1",  # storage commitment
        "1.2.840.10008.5.1.4.34.4.1",  # UPS, trial
        "1.2.840.10008.10.1",  # real-time video
        "1.2.840.10008.5.1.1.31",  # pull print request
        "1.2.840.10008.5.1.4.20.9",  # nothing that this release knows
    }
) - {"1.2.840.10008.1.1"}


def results(node, sop_classes: set[str]) -> dict[str, int]:
    """Result of the presentation context of each SOP class (PS3.8 Table 9-18), as a peer sees it."""
    seen, names = {}, sorted(sop_classes)
    for some in (names[at : at + 100] for at in range(0, len(names), 100)):
        ae = AE(ae_title="CT1")
        for uid in some:
            ae.add_requested_context(uid)
        ae.add_requested_context("1.2.840.10008.1.1")
        assoc = ae.associate(node.host, node.port, ae_title=node.ae_title)
        assert assoc.is_established, "Verification at least is accepted"
        seen |= {str(context.abstract_syntax): 0 for context in assoc.accepted_contexts}
        seen |= {str(context.abstract_syntax): context.result for context in assoc.rejected_contexts}
        assoc.release()
    return {uid: seen[uid] for uid in sop_classes}


@pytest.fixture
def what_the_node_says(a_node) -> dict[str, int]:
    """Every SOP class with its result."""
    return results(a_node(), STORAGE | RETIRED_STORAGE | PRIVATE_STORAGE | NEWER_STORAGE | OTHER_SERVICES)


def test_only_storage_is_accepted(what_the_node_says):
    """Queries, worklists, MPPS, commitment, printing, UPS and DICOMDIR are rejected with result 3, storage is taken."""
    wanted = dict.fromkeys(OTHER_SERVICES, 3) | dict.fromkeys(
        STORAGE | RETIRED_STORAGE | PRIVATE_STORAGE | NEWER_STORAGE, 0
    )

    assert wanted == what_the_node_says
    assert 100 < len(OTHER_SERVICES)


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.1", "1.2.840.10008.3.1.1.1", "1.2.840.10008.4.2", "1.2.840.10008."])
def test_what_is_no_sop_class_is_not_storage(uid):
    """Transfer syntaxes, application contexts and service classes are not taken for storage."""
    assert not is_storage(uid)


def test_a_refused_class_gets_no_role(a_node):
    """Role selection (PS3.7 D.3.3.4) is answered for accepted classes only, and the log names the rejected one."""
    node, ae = a_node(), AE(ae_title="CT1")
    ae.add_requested_context(CTImageStorage)
    ae.add_requested_context(ModalityWorklistInformationFind)
    roles = [build_role(uid, scu_role=True) for uid in (CTImageStorage, ModalityWorklistInformationFind)]
    with capture_logs() as lines:
        assoc = ae.associate(node.host, node.port, ae_title=node.ae_title, ext_neg=roles)
        answered = set(assoc.acceptor.role_selection)
        assoc.release()

    assert {CTImageStorage} == answered
    (line,) = [line for line in lines if line["event"] == "presentation contexts not accepted"]
    assert ["Modality Worklist Information Model - FIND"] == line["rejected"]
