"""Associations that peers open: the library's, with an upper layer, negotiation and messages of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from pynetdicom import evt
from pynetdicom._globals import APPLICATION_CONTEXT_NAME
from pynetdicom.acse import ACSE
from pynetdicom.sop_class import Verification
from pynetdicom.transport import RequestHandler

from dicomnode.receive.address import peer_address
from dicomnode.receive.messages import Messages
from dicomnode.receive.server import STOPPING
from dicomnode.receive.sop_classes import is_storage
from dicomnode.receive.titles import BLANK, is_allowed
from dicomnode.receive.upper_layer import PeerSocket, UpperLayer

if TYPE_CHECKING:
    from pynetdicom.association import Association

log = structlog.get_logger()

# Result, source and reason of an A-ASSOCIATE-RJ (PS3.8 Table 9-21).
_CONTEXT_NAME_NOT_SUPPORTED = (1, 1, 2)
_CALLING_AE_TITLE_NOT_RECOGNISED = (1, 1, 3)
_CALLED_AE_TITLE_NOT_RECOGNISED = (1, 1, 7)
_NOT_NOW = (2, 1, 1)
_ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
"""Result of a presentation context (PS3.8 Table 9-18)."""


class PeerHandler(RequestHandler):  # type: ignore[misc]  # the library counts as untyped
    """Makes an association out of a connection."""

    def _create_association(self) -> Association:
        assoc = super()._create_association()
        upper_layer = UpperLayer(assoc)
        assoc.dul = upper_layer
        assoc.acse = Negotiation(assoc, upper_layer)
        assoc.dimse = Messages(assoc, upper_layer)
        # Both setters hand the timeout on to the upper layer, which is a new one.
        assoc.acse_timeout, assoc.network_timeout = self.ae.acse_timeout, self.ae.network_timeout
        assoc.set_socket(PeerSocket(assoc, upper_layer, self.request))
        return assoc


class Negotiation(ACSE):  # type: ignore[misc]  # the library counts as untyped
    """Decides whether an association is accepted.

    Does: reject what the library lets pass, say which presentation contexts were not accepted.
    Does not: know the settings beyond what the server and the application entity know.
    """

    def __init__(self, assoc: Association, upper_layer: UpperLayer) -> None:
        super().__init__(assoc)
        self._upper_layer = upper_layer

    def _negotiate_as_acceptor(self) -> None:
        for rejection, why in self._faults():
            self._upper_layer.blame(why)
            self.send_reject(*rejection)
            evt.trigger(self.assoc, evt.EVT_REJECTED, {})
            self.assoc.kill()
            return
        super()._negotiate_as_acceptor()
        if self.assoc.is_established and self.assoc.rejected_contexts:
            self._tell_rejected_contexts()

    def send_accept(self) -> None:
        """Accept the association, with the presentation contexts that are for Storage or Verification alone.

        The library takes any SOP class that it does not know for storage, a retired worklist or print class too.
        """
        contexts = self.assoc._accepted_cx
        foreign = {
            number: context
            for number, context in contexts.items()
            if context.abstract_syntax != Verification and not is_storage(context.abstract_syntax)
        }
        for number, context in foreign.items():
            context.result = _ABSTRACT_SYNTAX_NOT_SUPPORTED
            self.assoc._rejected_cx.append(contexts.pop(number))
        refused = {context.abstract_syntax for context in foreign.values()}
        for role in self.acceptor.role_selection.values():
            if role.sop_class_uid in refused:
                self.acceptor.remove_negotiation_item(role)
        super().send_accept()
        self._upper_layer.accepted()

    def _faults(self) -> list[tuple[tuple[int, int, int], str]]:
        request = self.requestor.primitive
        name = str(getattr(request, "application_context_name", None) or "").strip(" \0")
        faults = []
        server, caller = self.assoc._server, self._upper_layer.calling_ae_title
        if server.is_stopping:
            faults.append((_NOT_NOW, STOPPING))
        if name != APPLICATION_CONTEXT_NAME:
            faults.append((_CONTEXT_NAME_NOT_SUPPORTED, f"its application context is {name[:64]!r}, not that of DICOM"))
        if self._upper_layer.called_ae_title == BLANK:
            faults.append((_CALLED_AE_TITLE_NOT_RECOGNISED, "the called AE title is blank"))
        if caller == BLANK:
            faults.append((_CALLING_AE_TITLE_NOT_RECOGNISED, "the calling AE title is blank"))
        elif not is_allowed(caller, server.allowed_calling_ae_titles):
            why = f"{caller!r} is not in receive.allowed_calling_ae_titles"
            faults.append((_CALLING_AE_TITLE_NOT_RECOGNISED, why))
        return faults

    def _tell_rejected_contexts(self) -> None:
        """A peer none of whose presentation contexts is accepted connects, and then cannot send."""
        names = sorted({context.abstract_syntax.name for context in self.assoc.rejected_contexts})
        say = log.info if self.assoc.accepted_contexts else log.warning
        say(
            "presentation contexts not accepted",
            rejected=names[:10],
            accepted=len(self.assoc.accepted_contexts),
            calling_ae_title=self._upper_layer.calling_ae_title,
            host=peer_address(self.requestor.address),
        )
