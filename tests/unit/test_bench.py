"""The bench's own arithmetic: turns, ratios, ceilings, and photos that differ in their bytes alone."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from rich.console import Console

from scripts.lab.bench import model, report, suite
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import Reading, Series, in_turns, ratio, reading
from scripts.lab.bench.gpu.part import limited
from scripts.lab.bench.gpu.setting import operations
from scripts.lab.bench.photos import marked
from scripts.lab.bench.product import BenchError
from scripts.lab.bench.results import BenchReport, Limit, Measured, Overhead, Whole
from scripts.lab.bench.whole import ceiling
from shared.encoder.open_clip_config import VisionConfig
from tests.product import eventually

#: What outside scripts read from `weft bench --json`.
KEYS = {
    *("whole_vs_ceiling", "whole_vs_old_way", "whole_vs_best_server", "whole_vs_best_script", "encoder_vs_limit"),
    *("cached_per_s", "overhead_ms", "scale_2", "scale_16", "interactive_p95_ms", "ready_s", "resident_mb"),
}


def overhead(milliseconds: float) -> Overhead:
    rates = Series([Reading(10, 1.0)]).rates()
    return Overhead(photos=10, null=rates, ms_by_process=[], overhead_ms=milliseconds)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(store=tmp_path / "store", work=tmp_path / "work", quick=True, say=lambda _: None)


def test_marked_photos_differ_in_their_hash_and_in_no_pixel() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 24), (10, 200, 90)).save(buffer, "JPEG")
    photo = buffer.getvalue()
    a, b = marked(photo, "a"), marked(photo, "b")
    assert len({hashlib.sha256(x).hexdigest() for x in (photo, a, b)}) == 3
    pixels = [np.asarray(Image.open(io.BytesIO(x)).convert("RGB")) for x in (photo, a, b)]
    assert (pixels[0] == pixels[1]).all()
    assert (pixels[0] == pixels[2]).all()


def test_works_take_turns_and_every_second_round_goes_backwards() -> None:
    order: list[str] = []

    def work(name: str) -> Any:
        def run(number: int) -> Reading:
            order.append(f"{name}{number}")
            return Reading(10, 1.0)

        return run

    series = in_turns({"a": work("a"), "b": work("b")}, 3)
    assert order == ["a0", "b0", "b1", "a1", "a2", "b2"]
    assert [len(one.readings) for one in series.values()] == [3, 3]


def test_a_ratio_compares_what_was_measured_in_the_same_round() -> None:
    # The machine was ten times slower in the second round; the ratio does not feel it.
    fast = Series([Reading(100, 1), Reading(100, 10), Reading(100, 1)])
    slow = Series([Reading(50, 1), Reading(50, 10), Reading(50, 1)])
    assert ratio(fast, slow) == pytest.approx(2.0)


def test_the_ceiling_is_the_time_of_both_loops_one_after_the_other() -> None:
    series = {"decode": Series([Reading(100, 1)]), "encode": Series([Reading(25, 1)])}
    assert ceiling(series).per_second == pytest.approx(20)


def test_cpu_time_of_this_process_is_counted() -> None:
    with reading(10) as taken:
        sum(n * n for n in range(300_000))
    assert 0 < taken.cpu <= taken.wall * 1.5
    assert taken.cpu_ms == pytest.approx(100 * taken.cpu)


def test_the_document_has_every_key_and_a_failed_measurement_stops_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Bench) -> Limit:
        raise BenchError(reason="no luck")

    monkeypatch.setitem(suite.MEASUREMENTS, "limit", broken)
    monkeypatch.setitem(suite.MEASUREMENTS, "overhead", lambda _: overhead(0.51234))
    document = suite.run(bench, ("limit", "overhead")).to_json()
    assert set(document) >= KEYS
    assert document["overhead_ms"] == 0.512
    assert document["encoder_vs_limit"] is None
    assert document["errors"] == {"limit": "no luck"}
    assert set(document["raw"]) == {"overhead"}


def test_a_quick_run_begins_nothing_when_its_time_is_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(suite.MEASUREMENTS, "overhead", lambda _: overhead(1.0))
    bench.began -= 1000
    document = suite.run(bench, ("overhead",)).to_json()
    assert document["overhead_ms"] is None
    assert "overhead" in document["errors"]


def test_preparing_takes_nothing_of_a_quick_runs_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 5000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    bench.began = now
    with bench.preparing():
        now += 400
        with bench.photos.preparing():
            now += 400
    assert not bench.out_of_time
    now += 151
    assert bench.out_of_time


def test_the_report_shows_what_was_missed_and_draws_pictures(tmp_path: Path) -> None:
    rates = {"whole": 30.0, "ceiling": 32.0, "old_way": 5.0, "decode": 100.0, "encode": 40.0}
    whole = Whole(
        whole_vs_ceiling=0.9,
        pipeline_vs_ceiling=1.0,
        ceiling_cpu_vs_whole_cpu=0.9,
        whole_vs_old_way=None,
        whole_vs_best_server=None,
        best_server=None,
        whole_vs_best_script=None,
        best_script=None,
        one_megapixel={name: Series([Reading(100, 100 / rate)]).rates() for name, rate in rates.items()},
        failed={"ray": "no wheel"},
    )
    figures: dict[str, float | None] = {figure.key: None for figure in suite.FIGURES}
    figures |= {"whole_vs_ceiling": 0.9, "scale_2": 1.5}
    document = BenchReport(figures, suite.machine(), {"whole": Measured(whole, 1.0, 0.5)}, {"cached": "broken"})
    console = Console(record=True, width=200, file=io.StringIO())
    report.show(console, document)
    text = console.export_text()
    assert "missed" in next(line for line in text.splitlines() if line.startswith("2 workers beside 1"))
    assert "reached" in next(line for line in text.splitlines() if "1/(1/decode" in line)
    assert "cached: broken" in text
    assert "ray: no wheel" in text
    assert "50%" in text
    report.write(tmp_path, document)
    written = json.loads((tmp_path / "bench.json").read_text("utf-8"))
    assert written["scale_2"] == 1.5
    assert written["raw"]["whole"]["1mp"]["whole"]["per_second"] == 30.0
    assert written["raw"]["whole"]["others_took"] == 0.5
    assert (tmp_path / "throughput.png").stat().st_size > 1000


def test_operations_of_a_tower_are_those_that_were_counted() -> None:
    vision = VisionConfig(width=768, layers=12, patch_size=32, image_size=224)
    assert operations(vision, 512) == pytest.approx(model.FLOPS_A_PHOTO, rel=1e-3)


def test_a_part_that_hangs_is_killed_with_its_children_and_keeps_what_it_found(tmp_path: Path) -> None:
    child = "import time; time.sleep(100)"
    code = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}])
print('{{"rate": 7}}')
print('{{"child": %d}}' % child.pid, flush=True)
child.wait()
"""
    found = limited([sys.executable, "-c", code], 8, tmp_path / "log.txt")
    assert (found["rate"], found["error"]) == (7, "killed after 8 s")
    eventually(lambda: not psutil.pid_exists(found["child"]) or psutil.Process(found["child"]).status() == "zombie")


def test_a_part_that_fails_says_so(tmp_path: Path) -> None:
    code = "import json, sys; print(json.dumps({'a': 1})); sys.exit('no GPU')"
    found = limited([sys.executable, "-c", code], 30, tmp_path / "log.txt")
    assert (found["a"], found["error"]) == (1, "ended with 1")
    assert "no GPU" in (tmp_path / "log.txt").read_text(encoding="utf-8")
