"""QIDO-RS and WADO-RS user agent (PS3.18): searches a DICOMweb archive and fetches from it."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.message import Message
from io import BytesIO
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from pydicom import Dataset, dcmread

from dicomnode.dicom.elements import parsing, text
from dicomnode.dicom.patient import STUDY_SUMMARY_ELEMENTS, series_summary, summary_of
from dicomnode.errors import PeerRefusedError, PeerUnreachableError, UnsupportedImageError
from dicomnode.records import Patient, SeriesSummary, StudySummary
from dicomnode.send.archive import Fetched, Keep
from dicomnode.send.deadline import Deadline

_JSON = "application/dicom+json"
_DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_RETURNED = (
    "StudyDate",
    "StudyTime",
    "ModalitiesInStudy",
    "AccessionNumber",
    "StudyDescription",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
)


class DicomWebUserAgent:
    """Searches one DICOMweb archive and fetches from it, instance by instance over one connection.

    Does: speak to the configured host alone; redirections and proxies are not followed.
    Does not: try again, judge what it finds.

    Parameters
    ----------
    base_url
        What studies stand below, for example `https://pacs.example/dicom-web`; user and password in it are sent as
        Basic authentication and never shown.
    """

    def __init__(self, base_url: str) -> None:
        self._url = urlsplit(base_url)
        self._base = self._url.path.rstrip("/")
        self._headers = {"User-Agent": "dicomnode"}
        if self._url.username:
            words = f"{unquote(self._url.username)}:{unquote(self._url.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(words.encode()).decode()}"

    @property
    def name(self) -> str:
        """Host and port, as messages name it."""
        return f"{self._url.hostname}:{self._url.port or self._default_port}"

    @property
    def _default_port(self) -> int:
        return 443 if self._url.scheme == "https" else 80

    def studies(self, patient: Patient, deadline: Deadline) -> list[StudySummary]:
        """All studies under a Patient ID."""
        parameters = [("PatientID", patient.patient_id), *(("includefield", keyword) for keyword in _RETURNED)]
        with self._connected(deadline) as connection:
            return [summary_of([ds]) for ds in self._search(connection, "studies", parameters, deadline)]

    def series(self, study_instance_uid: str, deadline: Deadline) -> list[SeriesSummary]:
        """All series of a study."""
        parameters = [("includefield", "BodyPartExamined"), ("includefield", "NumberOfSeriesRelatedInstances")]
        path = f"studies/{quote(study_instance_uid)}/series"
        with self._connected(deadline) as connection:
            return [series_summary(ds) for ds in self._search(connection, path, parameters, deadline)]

    def fetch(self, study_instance_uid: str, series: Sequence[SeriesSummary], keep: Keep, deadline: Deadline) -> None:
        """Fetch whole series."""
        with self._connected(deadline) as connection:
            for one in series:
                path = f"studies/{quote(study_instance_uid)}/series/{quote(one.series_instance_uid)}/instances"
                for ds in self._search(connection, path, [], deadline):
                    uid = text(ds, "SOPInstanceUID")
                    for part in self._retrieve(connection, f"{path}/{quote(uid)}", deadline):
                        keep(_fetched(part, self.name))

    @contextmanager
    def _connected(self, deadline: Deadline) -> Iterator[http.client.HTTPConnection]:
        """A connection; whatever goes wrong on it is told in one sentence, without the URL, which names the patient."""
        deadline.check(self.name)
        host, port, timeout = self._url.hostname or "", self._url.port or self._default_port, deadline.left_s
        connection: http.client.HTTPConnection
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=timeout)
        try:
            yield connection
        except (OSError, UnicodeError, http.client.HTTPException) as error:  # UnicodeError: a name that DNS cannot have
            why = getattr(error, "strerror", None) or type(error).__name__
            raise PeerUnreachableError(f"{self.name} does not answer over HTTP: {why}") from None
        finally:
            connection.close()

    def _search(
        self, connection: http.client.HTTPConnection, path: str, parameters: list[tuple[str, str]], deadline: Deadline
    ) -> list[Dataset]:
        """QIDO-RS (PS3.18 10.6)."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        body, _ = self._get(connection, f"{path}{query}", _JSON, deadline)
        try:
            with parsing("no DICOM JSON"):
                return [_searchable(Dataset.from_json(match)) for match in json.loads(body or b"[]")]
        except UnsupportedImageError:
            raise PeerRefusedError(f"{self.name} answered a search with something other than DICOM JSON") from None

    def _retrieve(self, connection: http.client.HTTPConnection, path: str, deadline: Deadline) -> list[bytes]:
        """WADO-RS (PS3.18 10.4): the parts of its answer."""
        body, content_type = self._get(connection, path, _DICOM, deadline)
        message = Message()
        message["Content-Type"] = content_type
        if message.get_content_type() == "application/dicom":
            return [body]
        boundary = message.get_boundary()
        if boundary is None:
            raise PeerRefusedError(f"{self.name} answered a retrieval with {message.get_content_type()}")
        return list(parts(body, boundary))

    def _get(
        self, connection: http.client.HTTPConnection, path: str, accept: str, deadline: Deadline
    ) -> tuple[bytes, str]:
        deadline.check(self.name)
        if connection.sock is not None:
            connection.sock.settimeout(max(0.05, deadline.left_s))
        connection.request("GET", f"{self._base}/{path}", headers={**self._headers, "Accept": accept})
        answer = connection.getresponse()
        chunks = []
        while chunk := answer.read1(1 << 20):  # a server that drips must not outlast the deadline
            chunks.append(chunk)
            deadline.check(self.name)
        answer.close()  # read1 does not notice the end, and the connection would not take another request
        if answer.status == http.HTTPStatus.NO_CONTENT:
            return b"", ""
        if answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            raise PeerUnreachableError(f"{self.name} answered with HTTP status {answer.status}")
        if answer.status >= http.HTTPStatus.MULTIPLE_CHOICES:
            raise PeerRefusedError(f"{self.name} answered with HTTP status {answer.status}")
        return b"".join(chunks), answer.getheader("Content-Type", "")


def parts(body: bytes, boundary: str) -> Iterator[bytes]:
    """Contents of a multipart body (RFC 2046 5.1.1), byte for byte; its preamble and epilogue are left out."""
    delimiter = b"\r\n--" + boundary.encode()
    for part in (b"\r\n" + body).split(delimiter)[1:]:
        if part.startswith(b"--"):
            return
        _, found, content = part.partition(b"\r\n\r\n")
        if found:
            yield content


def _searchable(ds: Dataset) -> Dataset:
    """An answer, with what we look at parsed where failure has a name."""
    for keyword in STUDY_SUMMARY_ELEMENTS:
        ds.get(keyword)
    return ds


def _fetched(file: bytes, where: str) -> Fetched:
    try:
        with parsing("no DICOM file"):
            meta: Any = dcmread(BytesIO(file), stop_before_pixels=True, specific_tags=[]).file_meta
            return Fetched(
                sop_class_uid=str(meta.MediaStorageSOPClassUID),
                sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
                transfer_syntax_uid=str(meta.TransferSyntaxUID),
                encoded=file,
            )
    except UnsupportedImageError:
        raise PeerRefusedError(f"{where} sent an instance that is not a DICOM file") from None
