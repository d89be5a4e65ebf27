"""(b, c, d, g) The whole product beside the bare loops, its own pipeline, and what people would use instead.

Everything is measured in turns in one run, on photos that nobody has seen: cold, 1 megapixel (and 12 in a full run).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from scripts.lab.bench import peers, product
from scripts.lab.bench.bench import Bench
from scripts.lab.bench.clock import Reading, Series, in_turns, ratio
from scripts.lab.bench.loops import Loops
from scripts.lab.bench.photos import files
from scripts.lab.bench.product import BenchError, Product
from scripts.lab.bench.results import Rates, Whole


def measure(bench: Bench) -> Whole:
    loops = Loops(bench.of(bench.template))
    failures: dict[str, str] = {}
    with ExitStack() as stack:
        running: dict[str, peers.Peer] = {}
        for name in bench.peers:
            bench.say(f"peer: {name}")
            try:
                running[name] = stack.enter_context(peers.start(name, bench.store, bench.weights))
            except BenchError as error:
                failures[name] = str(error.detail.get("reason", error))
        bench.say("weft up")
        weft = stack.enter_context(product.running(bench.template, bench.work, bench.settings))
        _Turns(bench, loops, weft, running, failures, "224", 32).once()
        series = _Turns(bench, loops, weft, running, failures, "1mp", bench.pick(96, 256)).measured()
        large = None if bench.quick else _Turns(bench, loops, weft, {}, failures, "12mp", 48).measured(rounds=3)
    loops.close()
    found = _compared(series, failures)
    return found if large is None else found.model_copy(update={"twelve_megapixels": _rates(large)})


class _Turns:
    """Everything once on the same number of fresh photos, and again."""

    def __init__(
        self,
        bench: Bench,
        loops: Loops,
        weft: Product,
        running: dict[str, peers.Peer],
        failures: dict[str, str],
        size: str,
        count: int,
    ) -> None:
        self._bench, self._loops, self._weft, self._running = bench, loops, weft, running
        self._failures, self._size, self._count = failures, size, count

    def once(self) -> None:
        """Warms everything up; a peer that cannot do it is dropped and named."""
        for name in list(self._running):
            try:
                self._peer(name, 0)
            except BenchError as error:
                self._failures[name] = str(error.detail.get("reason", error))
                del self._running[name]
        self._whole(0)

    def measured(self, rounds: int = 0) -> dict[str, Series]:
        works: dict[str, Callable[[int], Reading]] = {
            "decode": lambda _: self._on_fresh(self._loops.decode),
            "encode": lambda _: self._on_fresh(partial(self._loops.encode, count=self._count)),
            "pipeline": lambda _: self._on_fresh(self._loops.pipeline),
            "whole": self._whole,
        }
        works |= {name: partial(self._peer, name) for name in self._running}
        return in_turns(works, rounds or self._bench.pick(2, 4))

    def _whole(self, _: int) -> Reading:
        return self._on_fresh(partial(self._weft.folder_job, count=self._count, cached=0))

    def _peer(self, name: str, _: int) -> Reading:
        count = max(16, int(self._count * peers.PEERS[name].share))
        return self._on_fresh(lambda folder: self._running[name].encode(files(folder)), count)

    def _on_fresh(self, work: Callable[[Path], Reading], count: int = 0) -> Reading:
        folder = self._bench.photos.fresh(self._size, count or self._count)
        # Written a moment ago: all of them are in memory, for everybody alike.
        try:
            return work(folder)
        finally:
            shutil.rmtree(folder)


def _compared(series: dict[str, Series], failures: dict[str, str]) -> Whole:
    def best(kind: str) -> tuple[float, str] | None:
        names = [n for n in series if n in peers.PEERS and peers.PEERS[n].kind == kind]
        return min(((ratio(series["whole"], series[name]), name) for name in names), default=None)

    server, script = best(peers.Kind.SERVER), best(peers.Kind.SCRIPT)
    return Whole(
        whole_vs_ceiling=ratio(series["whole"], ceiling(series)),
        pipeline_vs_ceiling=ratio(series["pipeline"], ceiling(series)),
        ceiling_cpu_vs_whole_cpu=(series["decode"].cpu_ms + series["encode"].cpu_ms) / series["whole"].cpu_ms,
        whole_vs_old_way=ratio(series["whole"], series["old_way"]) if "old_way" in series else None,
        whole_vs_best_server=server[0] if server else None,
        best_server=server[1] if server else None,
        whole_vs_best_script=script[0] if script else None,
        best_script=script[1] if script else None,
        one_megapixel=_rates(series),
        failed=failures,
    )


def ceiling(series: dict[str, Series]) -> Series:
    """Round by round: the time that decoding and encoding a photo take with nothing else going on."""
    pairs = zip(series["decode"].readings, series["encode"].readings, strict=True)
    return Series([Reading(1000, 1000 / d.per_second + 1000 / e.per_second, 0.0) for d, e in pairs])


def _rates(series: dict[str, Series]) -> dict[str, Rates]:
    return {name: one.rates() for name, one in series.items()} | {"ceiling": ceiling(series).rates()}
