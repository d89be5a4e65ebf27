"""`weft evaluate --drift`: the jobs of the last days beside the bank's own photos, in words."""

from __future__ import annotations

from scripts.cli.evaluate.own_photos import Crossed
from shared.core.errors import InvalidRequest
from shared.core.settings import Settings
from shared.curation.drift import LEAST, Drift, beside, job_answers
from shared.curation.own_answers import own_answers
from shared.jobs.ledger import Ledger
from shared.ranking.model import Preset


def drift(settings: Settings, ledger: Ledger, found: Crossed, preset: Preset, days: int) -> Drift:
    """Jobs of this version and preset, submitted in the last `days`, beside the version's cross-fitted answers.

    Raises InvalidRequest where they have fewer than 50 photos with a result, Unavailable.
    """
    version = found.bank.version
    jobs = job_answers(settings, ledger, version, preset.name, days)
    photos = jobs.answers.photos
    if photos < LEAST:
        presets = ({preset.name: jobs.jobs} if jobs.jobs else {}) | jobs.other_presets
        others = ", ".join(f"{name}: {count}" for name, count in presets.items())
        raise InvalidRequest(
            reason=f"jobs of the last {days} days with {version} and the preset {preset.name} have "
            f"{photos} photos with a result; {LEAST} are needed (jobs by preset: {others or 'none'})"
        )
    return beside(own_answers(found.answers, found.labels), jobs.answers, days, jobs.jobs)


def drift_words(found: Drift) -> list[str]:
    """What the comparison says, in sentences."""
    bank, now = found.bank, found.now
    said = {
        "same": "no difference from the bank's own photos that matters",
        "less_sure": "less certain than the bank's own photos",
        "surer": "more certain than the bank's own photos",
    }[found.state]
    chance = "less than 0.1%" if found.chance < 0.001 else f"{found.chance:.1%}"
    jobs = "1 job" if found.jobs == 1 else f"{found.jobs} jobs"
    lines = [
        f"Jobs of the last {found.days} days ({jobs}, {now.photos} photos): {said}. Median confidence "
        f"{now.confidence:.0%} (bank: {bank.confidence:.0%}), recognised {now.label:.0%} ({bank.label:.0%}), unsure "
        f"{now.unsure:.0%} ({bank.unsure:.0%}), not in bank {now.not_in_bank:.0%} ({bank.not_in_bank:.0%}); "
        f"distributions differ by {found.distance:.2f}, by chance in {chance} of cases"
    ]
    if found.state == "less_sure":
        lines.append(
            "New fabrics, another camera or light, or a changed mix of classes may be why: review photos that are "
            "unsure, and add them to their classes"
        )
    return lines
