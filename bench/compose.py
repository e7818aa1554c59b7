"""What composing one study costs, and where the time goes.

    python bench/compose.py [--rounds 20] [--profile standard] [--lines 25]

Composes a head CT and a chest film with two findings, at one thread and in one language, as a worker does for a
destination of this profile, and, in turn with it, lets highdicom alone build a TID 1500 report with one finding group.
Only the ratio of the two within a run means anything on another machine. Then prints where the time goes (cProfile),
and what a process holds before and after.
"""

from __future__ import annotations

import argparse
import cProfile
import dataclasses
import os
import pstats
import statistics
import sys
import time
from io import BytesIO
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path[0] = str(Path(__file__).parent.parent / "tests")  # instead of this folder, whose name for us is theirs too

import highdicom as hd  # noqa: E402
from compose.conftest import (  # noqa: E402  # the tests' studies stand beside the package
    STARTED_AT,
    a_doubtful_finding,
    a_finding,
    a_report,
    an_absent_finding,
    ct_series,
    dx_film,
)
from pydicom import dcmwrite  # noqa: E402

from dicomnode.compose import ComposeRequest, compose, kinds_for  # noqa: E402
from dicomnode.compose.document import observation_context  # noqa: E402
from dicomnode.dicom import codes  # noqa: E402
from dicomnode.records import Outcome, ViewerProfile  # noqa: E402
from dicomnode.settings import AcuitySettings, ComposeSettings  # noqa: E402


def resident_mb() -> float:
    """Memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def requests(profile: ViewerProfile) -> dict[str, ComposeRequest]:
    """A head CT of three slices of 512 x 512, and a film of 2500 x 2048, with two suspected findings each."""
    made = {}
    for name, sources, shape in (("head CT", ct_series(), (512, 512)), ("chest film", (dx_film(),), (2500, 2048))):
        first = a_finding(sources[0], rows=shape[0], columns=shape[1])
        second = dataclasses.replace(a_doubtful_finding(sources[0]), heatmap=first.heatmap, region=first.region)
        report = a_report(Outcome.FINDINGS, first, second, an_absent_finding())
        made[name] = ComposeRequest(
            job_key="ab" * 32,
            started_at=STARTED_AT,
            sources=sources,
            report=report,
            level=AcuitySettings().levels[report.acuity],
            settings=ComposeSettings(),
            kinds=kinds_for([profile]),
        )
    return made


def highdicom_alone(request: ComposeRequest) -> None:
    """One TID 1500 report with one finding group, built and encoded with nothing of ours."""
    source, finding = request.sources[0], request.report.findings[0]
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=hd.UID(), identifier="one"),
        finding_type=codes.code(finding.spec.code),
        measurements=[hd.sr.Measurement(codes.code(codes.PROBABILITY), 87, codes.code(codes.PERCENT))],
    )
    report = hd.sr.MeasurementReport(
        observation_context=observation_context(request),
        procedure_reported=codes.code(codes.CT_PROCEDURE),
        imaging_measurements=[group],
    )
    document = hd.sr.ComprehensiveSR(
        evidence=[source],
        content=report[0],
        series_instance_uid=hd.UID(),
        series_number=1,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="bench",
    )
    dcmwrite(BytesIO(), document, enforce_file_format=True)


def composed(request: ComposeRequest) -> int:
    """Compose and encode all objects of a study, and count them."""
    results = compose(request)
    for result in results:
        dcmwrite(BytesIO(), result.dataset, enforce_file_format=True)
    return len(results)


def timed_ms(call, *arguments) -> float:
    begun = time.process_time()
    call(*arguments)
    return 1000 * (time.process_time() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--profile", type=ViewerProfile, default=ViewerProfile.STANDARD)
    parser.add_argument("--lines", type=int, default=25, help="of the profile")
    arguments = parser.parse_args()
    studies = requests(arguments.profile)
    before = resident_mb()
    first = {name: timed_ms(composed, request) for name, request in studies.items()}
    print(f"memory {before:.0f} MB with highdicom imported, {resident_mb():.0f} MB after a study of each kind")
    for name, request in studies.items():
        highdicom_alone(request)
        pairs = [(timed_ms(composed, request), timed_ms(highdicom_alone, request)) for _ in range(arguments.rounds)]
        ours, alone = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(
            f"{name}: {composed(request)} objects, {ours:.0f} ms CPU (first {first[name]:.0f} ms); "
            f"highdicom alone {alone:.1f} ms; ratio {ours / alone:.1f}"
        )
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(arguments.rounds):
        composed(studies["head CT"])
    profiler.disable()
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(r"dicomnode|highdicom|pydicom|PIL", arguments.lines)


if __name__ == "__main__":
    main()
