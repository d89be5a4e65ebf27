"""What several bank commands say: a version in short, and findings in words."""

from __future__ import annotations

from typing import Any

from shared.bank.manifest import Finding, Manifest
from shared.bank.ranking_fit import PROMISED, Measured, RiskPromise
from shared.curation.reports import LeaveOneOutFigures, ViewGain
from shared.curation.sizes import unranked


def summary(manifest: Manifest) -> dict[str, Any]:
    """What every command says of a version it made."""
    document = manifest.to_json()
    return {key: document[key] for key in ("version", "name", "created", "model", "identity", "counts")}


def size_problem(finding: Finding) -> str:
    """A manifest's warning in words."""
    count = len(finding.samples)
    if finding.code == "class_empty":
        return (
            f"class {finding.label}: no usable photo; {unranked(finding) if finding.named else 'it is not in the bank'}"
        )
    return f"class {finding.label}: only {count} sample{'s' if count != 1 else ''}; {unranked(finding)}"


def by_code(findings: list[Finding]) -> dict[str, list[Finding]]:
    """Findings by what is wrong, in the order of the report."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.code, []).append(finding)
    return groups


def within(share: float, interval: tuple[float, float]) -> str:
    """A share with its interval: `83% (78–87%)`, with decimals next to 0 and 1."""
    digits = 1 if interval[1] < 0.1 or interval[0] > 0.9 else 0
    return f"{share:.1%} ({interval[0] * 100:.{digits}f}–{interval[1]:.{digits}%})"


def promise_words(promise: RiskPromise) -> str:
    """What a version promises of its wrong answers, as a sentence."""
    told = _class_promise(promise)
    if promise.parents is not None:
        told += f"; {promise.parents:.0%} get the parent of their class instead, at most {promise.risk:.0%} of them "
        told += f"wrongly, with {PROMISED:.0%} certainty"
    if promise.stricter:
        told += f"; stricter for classes that are wrong more often: {', '.join(promise.stricter)}"
    return told


def _class_promise(promise: RiskPromise) -> str:
    share, photos = f"{promise.risk:.0%}", promise.photos
    if promise.state == "kept":
        return (
            f"At most {share} of the answers are wrong, with {promise.certainty:.0%} certainty "
            f"(tested on {photos} photos; {promise.coverage:.0%} of them are answered)"
        )
    if promise.state == "untested":
        return "The error rate was not tested: build the bank again, or derive a version, with this release"
    if promise.state == "never":
        return (
            f"An error rate of {share} cannot be promised: the most confident answers are wrong too often; "
            "clean the bank or use a better model"
        )
    text = f"Too few photos to promise that at most {share} of the answers are wrong: there are {photos}, "
    text += f"about {promise.photos_needed} would do at the observed error"
    if promise.state == "unmeasured":
        return f"{text}; until then every photo gets its best class"
    if promise.certainty:
        return f"{text}; {promise.coverage:.0%} are answered, which is likely to keep it, but not promised"
    return f"{text}; until then no photo gets a definite answer"


def outside_words(found: Measured | LeaveOneOutFigures) -> str | None:
    """What becomes of photos of classes that the bank does not have, as a sentence; None where nobody measured it."""
    if found.false_accepts is None or found.false_accepts_interval is None or found.foreign_found is None:
        return None
    return (
        f"Not in bank: of photos whose class is left out, {within(found.false_accepts, found.false_accepts_interval)} "
        f"get a definite class all the same, and {found.foreign_found:.0%} are told “not in bank”; the rest is unsure"
    )


def view_words(gains: list[ViewGain]) -> list[str]:
    """What several views of each photo bring, a line for each set: `WEFT_VIEWS=5: +2.1 points …`."""
    if not gains:
        return []
    before = gains[0]
    lines = [f"Views, by the nearest sample of {before.photos} photos: top-1 {before.top1:.1%} with one view"]
    for gain in gains[1:]:
        low, high = (round(100 * end, 1) for end in gain.interval)
        told = "better" if low > 0 else "worse" if high < 0 else "no difference can be told"
        lines.append(
            f"  WEFT_VIEWS={gain.views}: {100 * gain.gain:+.1f} points ({low:+.1f} to {high:+.1f}) "
            f"for {gain.cost} × the time: {told}"
        )
    return lines
