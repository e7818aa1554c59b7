"""What the findings section says, before it is said in any language: each finding once, and as its verdict has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dicomnode.records import Claim, Finding, Stance, Verdict
from dicomnode.report.content import Drafted, Statement

_SAID_AS = {
    Verdict.PRESENT: Stance.SUGGESTED,
    Verdict.POSSIBLE: Stance.DOUBTED,
    Verdict.UNDETERMINED: Stance.OPEN,
    Verdict.ABSENT: Stance.DENIED,
}
"""How codes speak of a verdict; never as plainly as a draft does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The statements of the findings section, and how the draft stood to the verdicts."""

    statements: tuple[Statement, ...]
    unsupported: int
    """Sentences of the draft that do not agree with a verdict."""
    disagrees: bool
    """The draft says the opposite of a verdict, or leaves out what is suspected."""


def claim_of(finding: Finding) -> Claim:
    """What codes say of a finding."""
    return Claim(finding=finding.spec.key, stance=_SAID_AS[finding.verdict])


def described(
    findings: Sequence[Finding], drafted: Sequence[Drafted], *, has_draft: bool, is_withheld: bool = False
) -> Description:
    """Put the draft's sentences and what they lack together.

    First what is suspected and the draft does not name, then the draft in its order, then the rest. A drafted sentence
    that does not agree with a verdict is never shown: what it names is said from codes at its place. So is what a draft
    puts plainly, where codes can say all of it with the certainty of the verdict.

    Parameters
    ----------
    findings
        Every finding that the bundle judges, in the report's order.
    has_draft
        Whether there is a draft, be it an empty one that was cut off.
    is_withheld
        Leave sentences that do not agree out, with their places and sizes, and say what they name with what the draft
        lacks.
    """
    graded = {finding.spec.key: finding for finding in findings}
    supported = {claim.finding for one in drafted if one.is_supported for claim in one.claims}
    shown = {claim.finding for one in drafted if one.is_shown for claim in one.claims}
    named = {claim.finding for one in drafted for claim in one.claims}
    said_in_place = supported if is_withheld else named
    statements = [
        Statement(claims=(claim_of(finding),))
        for finding in findings
        if finding.is_suspected and finding.spec.key not in said_in_place
    ]
    told = set(shown) | {claim.finding for one in statements for claim in one.claims}
    for one in drafted:
        if one.is_shown:
            statements.append(Statement(claims=one.claims, qualifiers=one.qualifiers, drafted=one))
        elif one.is_overstated or not is_withheld:
            statements.extend(_reworded(one, graded, told))
    statements.extend(_rest([finding for finding in findings if finding.spec.key not in told]))
    left_out = has_draft and any(finding.is_suspected and finding.spec.key not in named for finding in findings)
    return Description(
        statements=tuple(statements),
        unsupported=sum(not one.is_supported for one in drafted),
        disagrees=left_out or any(one.opposes for one in drafted),
    )


def _reworded(drafted: Drafted, graded: dict[str, Finding], told: set[str]) -> Iterator[Statement]:
    """Say what a sentence names from the codes, where nothing else says it; adds to `told`."""
    for claim in drafted.claims:
        finding = graded[claim.finding]
        if claim.finding in told:
            continue
        told.add(claim.finding)
        has_place = finding.is_suspected and drafted.is_clear and claim.stance is not Stance.DENIED
        yield Statement(claims=(claim_of(finding),), qualifiers=drafted.qualifiers if has_place else ())


def _rest(untold: Sequence[Finding]) -> Iterator[Statement]:
    """What is left: one sentence for each finding, but one for all that are absent."""
    absent = [finding for finding in untold if finding.verdict is Verdict.ABSENT]
    for finding in untold:
        if finding.verdict is not Verdict.ABSENT:
            yield Statement(claims=(claim_of(finding),))
    if absent:
        yield Statement(claims=tuple(claim_of(finding) for finding in absent))
