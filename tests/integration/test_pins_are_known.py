"""`weft gc --pin` refuses what does not exist: a misspelt pin would keep nothing, and nobody would know."""

from __future__ import annotations

import pytest

from scripts.cli import main as cli
from scripts.supervisor import redis as embedded
from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.maintenance.retention.pins import Pins
from tests.ledger_harness import LedgerHarness


@pytest.mark.parametrize("pin", ["job:nope", "version:nope", "model:nope"])
def test_a_pin_of_nothing_is_refused(
    settings: Settings, redis_pair: embedded.Pair, capfd: pytest.CaptureFixture[str], pin: str
) -> None:
    assert cli.run(["gc", "--pin", pin, "--data-dir", str(settings.data_dir)]) == 1
    assert "nope" in capfd.readouterr().err
    assert Pins(settings).read().all() == []


def test_a_job_is_pinned_and_let_go(settings: Settings, redis_pair: embedded.Pair) -> None:
    job = LedgerHarness(Ledger.connect(settings)).submit(1, "kept")
    for option, pinned in (("--pin", [f"job:{job.id}"]), ("--unpin", [])):
        assert cli.run(["gc", option, f"job:{job.id}", "--data-dir", str(settings.data_dir)]) == 0
        assert Pins(settings).read().all() == pinned
