"""Random faults, alone and together: two minutes of what `make soak` does for as long as it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.record import Record
from tests.faults.site import running_site
from tests.faults.soak import LEASE, Soak


@pytest.mark.long
@pytest.mark.timeout(900)
def test_random_faults_for_two_minutes(tmp_path: Path, record: Record) -> None:
    with running_site(tmp_path, lease_seconds=str(LEASE)) as site:
        soak = Soak(site, 17, 120, tmp_path / "soak.jsonl")
        held = soak.run()
        for fault in soak.records.values():
            record.seconds += fault.seconds
        record.jobs, record.lost, record.doubled = soak.jobs.jobs, soak.jobs.lost, soak.jobs.doubled
        assert held, soak.trouble
