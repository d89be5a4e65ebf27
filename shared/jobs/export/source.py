"""What an export is made of: the job, its results, and what its bank says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.bank.store import BankStore
from shared.core.errors import WeftError
from shared.jobs.model import Job
from shared.jobs.shown import ShownItem

if TYPE_CHECKING:
    from shared.jobs.export.headings import Words

#: Samples of a bank up to which their names are looked up; beyond, exports name them by their ids.
_NAMED_SAMPLES = 200_000


@dataclass(frozen=True, slots=True)
class BankFacts:
    """What the bank version of a job says; nothing of it where the version is gone or damaged."""

    #: The bank's name; empty for the default one.
    name: str = ""
    #: Label → (Chinese name, English name), each empty where there is none.
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    #: Sample's id → the path of its photo in the folder that it came from.
    samples: Mapping[str, str] = field(default_factory=dict)
    #: Whether the preset's confidence was calibrated on the bank's own photos.
    calibrated: bool | None = None
    #: False for vectors that mean nothing, because no trained model made them.
    trained: bool | None = None
    #: The views of each photo, as in WEFT_VIEWS.
    views: str | None = None


def bank_facts(banks: BankStore, job: Job, samples: bool = True) -> BankFacts:
    """What is known of the job's bank version. Without `samples`, these stay unread, which are many in a large bank."""
    try:
        manifest = banks.manifest(job.bank)
    except WeftError:
        return BankFacts()
    paths: dict[str, str] = {}
    name = ""
    try:
        name = banks.banks.find(job.bank_id).name
        if samples and manifest.counts.samples <= _NAMED_SAMPLES:
            paths = {sample.id: sample.name for sample in banks.samples(job.bank)}
    except WeftError:
        pass
    return BankFacts(
        name=name,
        names={entry.label: (entry.zh, entry.en) for entry in manifest.ranked_classes},
        samples=paths,
        calibrated=manifest.encoder.trained and manifest.ranking.calibration_for(job.preset).calibrated,
        trained=manifest.encoder.trained,
        views=manifest.encoder.views,
    )


@dataclass(frozen=True, slots=True)
class Source:
    """What a format writes."""

    job: Job
    rows: Iterator[ShownItem]
    #: Number of `rows`; a running job may bring a few more.
    count: int
    facts: BankFacts = field(default_factory=BankFacts)
    #: Headings and values for people; None: the API's.
    words: Words | None = None
    lang: str | None = None
    #: A photo's thumbnail by its SHA-256 (JPEG, None where there is none), for formats that show pictures.
    picture: Callable[[str], bytes | None] | None = None
    #: Where the pages are reached, without a slash at the end; empty where that is not known.
    public_url: str = ""
