"""What a job's page and its polls cost: `python -m tests.page_cost [COUNT …]` prints CPU time and bytes of each.

Nothing is asserted: the figures are for the docs, and depend on the machine.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
import time
from pathlib import Path

from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from tests.banks import by_label, clustered, make_bank
from tests.large_jobs import archived_job
from web.app import create_app

ROUNDS = 7
POLL = {"HX-Request": "true"}
#: Address below `/jobs/ID`, and whether a script asks for it.
ASKED: tuple[tuple[str, bool], ...] = (
    ("", False),
    ("?view=unsure&sort=confidence", False),
    ("/progress", True),
    ("/counts", True),
    ("/results", True),
    ("/results?from=90001", True),
    ("/results?from=90001&sort=name", True),
    ("/results?view=unsure&sort=-margin", True),
    ("/results?search=DSC0999", True),
    ("/facets", True),
)


def main(counts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder) / "data", engine="null")
        arrays = {f"stripe-{number}": rows for number, rows in enumerate(by_label(clustered(4)).values())}
        bank = make_bank(settings, arrays)
        with embedded.running(settings):
            client = create_app(settings).test_client()
            for count in counts:
                job = archived_job(settings, count, bank)
                for address, polled in ASKED:
                    times = []
                    for _ in range(ROUNDS):
                        began = time.process_time()
                        answer = client.get(f"/jobs/{job.id}{address}", headers=POLL if polled else {})
                        times.append(1000 * (time.process_time() - began))
                    size, packed = len(answer.data), len(gzip.compress(answer.data))
                    line = f"{count:7,} {address or '(page)':40} first {times[0]:7.1f} best {min(times[1:]):6.1f} ms"
                    print(f"{line} {size:8,} B, gzip {packed:7,} B, {answer.status_code}")


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:]] or [300, 100_000])
