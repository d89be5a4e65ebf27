"""(m) Results as files: what each format costs beside CSV, on a made-up job."""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from scripts.lab.bench.bench import Bench
from scripts.lab.bench.results import ExportCost
from shared.core.settings import Settings
from shared.jobs.export import FORMATS, stream
from shared.jobs.fields import STORED
from shared.jobs.model import ItemResult, Job, JobState, Lane
from shared.jobs.projection import open_projection
from shared.jobs.result_rows import columns
from shared.ranking.model import Candidate, Ranking, Verdict

RESULTS, QUICK_RESULTS, ROUNDS = 10_000, 10_000, 3
_COLOURS = [["#1b2547", [10.0, 0.0, 0.0], 0.6, "navy"], ["#fafafa", [98.0, 0.0, 0.0], 0.4, "white"]]


def measure(bench: Bench) -> ExportCost:
    count = bench.pick(QUICK_RESULTS, RESULTS)
    bench.say(f"{count:,} results as {', '.join(FORMATS)}")
    took: dict[str, list[float]] = {name: [] for name in FORMATS}
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        with bench.preparing():
            job = _job(settings, count)
        for _ in range(ROUNDS):
            for name, seconds in took.items():
                with closing(open_projection(settings, job.id)) as projection:
                    began = time.process_time()
                    for _piece in stream(job, projection, name, "en"):
                        pass
                    seconds.append(time.process_time() - began)
    # Of each round, because the machine may be slower in another.
    beside = {
        name: round(statistics.median(a / b for a, b in zip(took[name], took["csv"], strict=True)), 2) for name in took
    }
    return ExportCost(
        results=count,
        csv_cpu_ms_a_result=round(1000 * statistics.median(took["csv"]) / count, 4),
        beside_csv=beside,
        xlsx_vs_csv=beside["xlsx"],
    )


def _job(settings: Settings, count: int) -> Job:
    now = time.time()
    job = Job(
        "exports", "exports", "folder", JobState.FINISHED, Lane.BULK, "standard", "m", "b", "i",
        count, True, count, 0, 0, 0, now, finished=now, archived=True,
    )  # fmt: skip
    insert = f"INSERT INTO items ({', '.join(s.column for s in STORED)}) VALUES ({', '.join('?' * len(STORED))})"
    with closing(open_projection(settings, job.id)) as projection:
        projection._db.execute("BEGIN")
        projection._db.executemany(insert, (columns(_result(index)) for index in range(count)))
        projection._db.execute("COMMIT")
    return job


def _result(index: int) -> ItemResult:
    candidates = tuple(Candidate(f"class-{(index + n) % 40}", 0.9 - n / 10, f"{index:08x}{n:08x}") for n in range(5))
    confidence = index % 1000 / 1000
    ranking = Ranking(Verdict.LABEL, candidates[0].label, confidence, confidence / 2, candidates)
    extra = {
        "camera/1": "Canon EOS R5",
        "taken/1": "2026-01-15T08:00:00",
        "size/1": [6000, 4000],
        "colours/1": _COLOURS,
    }
    return ItemResult(
        index, f"roll-{index % 977:03}/DSC{index:06}.jpg", 0, f"{index:064x}", False, ranking, extra=extra
    )
