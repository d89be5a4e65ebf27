"""The product with the model that lies in the repository, rendered photos for it, and what it says without a fault."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.bank.store import BankStore
from shared.core.settings import CHUNK_ITEMS
from shared.jobs.model import Job
from shared.jobs.projection import caught_up
from shared.ranking.model import PRESETS, Verdict
from shared.ranking.ranker import ranker_for
from tests.faults.site import LEASE, Site
from tests.product import ROOT, WEFT, run_product

#: Weaves that look much alike: many answers are close, so that a small change of a vector shows.
CLASSES = ("plain_weave", "basket_weave", "twill", "gabardine", "canvas", "linen", "oxford", "chambray")
#: Samples and pictures a class, and their first seeds: cloths that no sample shows.
SAMPLES, PICTURES = (6, 0), (24, 3000)
SIDE = 224
#: Photos of one job: every picture several times, each time as a file of its own and encoded anew.
PHOTOS = 960
#: Outcomes that may have been on their way when a fault struck: a whole chunk of each worker.
IN_FLIGHT = 2 * CHUNK_ITEMS
#: How far a score may move: micro-batches are put together otherwise, a vector comes out of the cache as float16.
TOLERANCE = 1e-3


@dataclass
class RealSite(Site):
    pictures: list[bytes] = field(default_factory=list)

    def folder(self, count: int, name: str = "") -> Path:
        """The same pictures under the same names each time, in files that no cache knows: a comment makes them new."""
        folder = super().folder(0, name)
        for n in range(count):
            picture = self.pictures[n % len(self.pictures)]
            (folder / f"{n:06}.jpg").write_bytes(picture[:2] + b"\xff\xfe\x00\x12" + os.urandom(16) + picture[2:])
        return folder

    def rows(self, job: Job) -> dict[str, dict[str, Any]]:
        """The job's projected rows by name."""
        with caught_up(self.product.settings, self.ledger, job.id) as projection:
            return {row["name"]: row for row in projection.rows()}

    def sure_from(self, job: Job, label: str) -> float:
        """The confidence from which the job's bank gives this label."""
        bank = BankStore(self.product.settings).load(job.bank)
        threshold: float = ranker_for(bank, PRESETS[job.preset]).calibration.answer_threshold(label)
        return threshold


class Reference:
    """The rows of a run without faults, by name."""

    def __init__(self, rows: dict[str, dict[str, Any]], sure_from: dict[str, float]) -> None:
        """`sure_from`: by label, the confidence below which the verdict is `unsure`."""
        self._rows = rows
        self._sure_from = sure_from

    @classmethod
    def taken(cls, site: RealSite) -> Reference:
        """Runs the job once without a fault."""
        job = site.await_end(site.submit(site.folder(PHOTOS)))
        rows = site.rows(job)
        assert (job.ok, len(rows), job.duplicates) == (PHOTOS, PHOTOS, 0), job
        return cls(rows, {label: site.sure_from(job, label) for label in CLASSES})

    def right(self) -> float:
        """The share of right labels: pictures come class by class."""
        labels = [self._rows[name]["label"] for name in sorted(self._rows)]
        each = PICTURES[0]
        right = [label == CLASSES[n // each % len(CLASSES)] for n, label in enumerate(labels)]
        return right.count(True) / len(right)

    def differing(self, job: Job, folder: Path, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Those with other labels, in another order, or with a number that is off by more than `TOLERANCE`."""
        right = {name: self._rows[name] for name in found}
        return {name: (row, right[name]) for name, row in found.items() if not self._same(row, right[name])}

    def _same(self, row: dict[str, Any], right: dict[str, Any]) -> bool:
        numbers = all(_near(row[name], right[name]) for name in ("confidence", "margin"))
        return numbers and self._same_verdict(row, right) and _same_ranking(row["candidates"], right["candidates"])

    def _same_verdict(self, row: dict[str, Any], right: dict[str, Any]) -> bool:
        """The same, unless the confidence lies on the threshold between the two."""
        verdicts = {row["verdict"], right["verdict"]}
        on_threshold = _near(right["confidence"], self._sure_from.get(right["label"], -1))
        return len(verdicts) == 1 or (on_threshold and verdicts == {Verdict.LABEL.value, Verdict.UNSURE.value})


def _same_ranking(found: list[dict[str, Any]], right: list[dict[str, Any]]) -> bool:
    """The same labels in the same order with the same scores, where classes may change places only with such as have
    the same score: at each place a score as at that place without the fault, and for each label its own score. The
    last shown class may have given way to one that was not shown and has its score.
    """
    if len(found) != len(right):
        return False
    scores = {c["label"]: c["score"] for c in right}
    places = zip(found, right, strict=True)
    return len({c["label"] for c in found}) == len(found) and all(
        _near(here["score"], there["score"]) and _near(here["score"], scores.get(here["label"], right[-1]["score"]))
        for here, there in places
    )


def _near(a: float, b: float) -> bool:
    # The numbers are rounded to four decimals.
    return abs(a - b) <= TOLERANCE + 1e-9


def render(target: Path, designs: tuple[int, int]) -> list[subprocess.Popen[bytes]]:
    """Starts rendering `designs` (how many a class, first seed) into a folder a class, on two cores."""
    count, first = map(str, designs)
    command = [sys.executable, "-m", "scripts.render", "--size", str(SIDE), "--designs", count, "--first", first]
    halves = CLASSES[::2], CLASSES[1::2]
    return [subprocess.Popen([*command, "--out", target, "--classes", *half], cwd=ROOT) for half in halves]


@contextmanager
def running_real_site(folder: Path, workers: int = 2) -> Iterator[RealSite]:
    """Two workers with OpenVINO, a thread each; a minute goes by until they are warm."""
    rendering = render(folder / "samples", SAMPLES) + render(folder / "pictures", PICTURES)
    assert not any(process.wait(600) for process in rendering)
    chosen = {"engine": "openvino", "model": "demo", "threads": "1", "lease_seconds": str(LEASE), "ledger_mb": "256"}
    env = os.environ | {f"WEFT_{name.upper()}": value for name, value in chosen.items()}
    # Converts the model, too, so that no two workers wait for each other with it.
    build = [*WEFT, "bank", "build", str(folder / "samples"), "--data-dir", str(folder / "data")]
    subprocess.run(build, env=env, cwd=ROOT, check=True, timeout=180)
    pictures = [path.read_bytes() for label in CLASSES for path in sorted((folder / "pictures" / label).iterdir())]
    with run_product(folder, workers=workers, bank=True, **chosen) as product:
        site = RealSite(product, workers, pictures=pictures)
        try:
            site.expected = reference = Reference.taken(site)
            # One of eight by chance.
            assert reference.right() >= 0.6, reference.right()
            yield site
        finally:
            site.end_extra()
