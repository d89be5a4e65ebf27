"""How a CPU's threads are best divided: a short run at a model's first start here, its answer kept beside the model.

One stream of all threads meets at a barrier after every layer, so it stalls when decoding (or anything else) takes one
core for a moment; several streams, each with a micro-batch of its own, do not. They need more memory, and one photo
alone takes longer. Both are tried, and more streams are taken unless they are clearly slower, or give other vectors:
the engine has been seen to compile one graph rightly for one stream and wrongly for two.

Some kernels want the weights laid out differently for the few rows of a lone photo: ViT-B/32 in float32 without AVX-512
takes 400 MB more from its first lone photo on. Where that is seen, a lone photo is encoded with a second one.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from shared.core.errors import Unavailable
from shared.core.files import write_atomic
from shared.encoder import hardware
from shared.encoder.fidelity import REFUSED_BELOW, cosines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

_log = structlog.get_logger(__name__)

#: Micro-batches that are tried, photos.
BATCHES = (4, 8, 16)
#: Where several are about as fast, the one with more streams, then the smaller micro-batch: shares of the best rate.
_STREAMS_WITHIN, _BATCH_WITHIN = 0.9, 0.92
_ROUNDS = 3
#: Seconds after which nothing more is tried.
_SECONDS = 8.0
#: Bytes of memory that a lone photo may take for itself.
_LONE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Tuning:
    streams: int
    micro_batch: int
    #: Photos that are encoded at a time at least.
    smallest: int
    #: Photos per second that were seen, by `streams x micro_batch`.
    rates: dict[str, float] = field(default_factory=dict)


class Candidate(Protocol):
    """An encoder with some number of streams, warm enough to be timed."""

    def encode_blank(self, photos: int) -> None:
        """Encodes so many photos; called from as many threads as there are streams."""
        ...

    def encode_specimens(self) -> NDArray[np.float32]:
        """Vectors of a few fixed photos, float32 [n, dim]."""
        ...

    def close(self) -> None: ...


def key(precision: str, threads: int) -> str:
    """What a tuning depends on beside the model."""
    processor = hashlib.sha256(" ".join(sorted(hardware.cpu_flags())).encode()).hexdigest()[:8]
    return f"{precision}-{threads}-{processor}"


def tuned(
    folder: Path, precision: str, threads: int, make: Callable[[int], Candidate], say: Callable[[str], None]
) -> Tuning:
    """The tuning kept in `folder`, or a new one; `make` gives a candidate with so many streams."""
    if threads == 1:
        return Tuning(1, BATCHES[0], 1)
    name = key(precision, threads)
    path = folder / "tuning.json"
    known = _read(path)
    if name in known:
        return known[name]
    say("tuning thread allocation (once; a few seconds)")
    found = tune([1, threads] if threads < 4 else [1, threads // 2, threads], make)
    known[name] = found
    document = json.dumps({name: asdict(one) for name, one in known.items()}, indent=1) + "\n"
    try:
        write_atomic(path, document.encode(), mode=0o644)
    except (OSError, Unavailable):
        # A store that others fill: tuned again at the next start.
        return found
    return found


def tune(streams: Iterable[int], make: Callable[[int], Candidate]) -> Tuning:
    """Times every choice in turns and picks one."""
    began = time.monotonic()
    counts = sorted(streams)
    # Closed before the others take memory.
    smallest = _smallest(make(counts[0]))
    candidates = {count: make(count) for count in counts}
    faithful = _faithful(candidates)
    choices = [(count, batch) for count in candidates if count in faithful for batch in BATCHES]
    seen: dict[tuple[int, int], list[float]] = {choice: [] for choice in choices}
    with ThreadPoolExecutor(max(candidates)) as pool:
        for count in faithful:
            list(pool.map(candidates[count].encode_blank, [BATCHES[0]] * count))
        for number in range(_ROUNDS):
            for count, batch in choices:
                if number and time.monotonic() - began > _SECONDS:
                    break
                start = time.perf_counter()
                list(pool.map(candidates[count].encode_blank, [batch] * count))
                seen[count, batch].append(count * batch / (time.perf_counter() - start))
    for candidate in candidates.values():
        candidate.close()
    return choose({choice: statistics.median(rates) for choice, rates in seen.items()}, smallest)


def _smallest(candidate: Candidate) -> int:
    """2 where a lone photo makes the engine keep another copy of its weights, else 1."""
    candidate.encode_blank(2)
    before = _own_memory()
    candidate.encode_blank(1)
    taken = _own_memory() - before
    candidate.close()
    return 2 if taken > _LONE_BYTES else 1


def _own_memory() -> int:
    """Bytes of this process's memory that belong to no file; 0 where the operating system does not tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    found = re.search(r"^RssAnon:\s*(\d+) kB", status, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0


def _faithful(candidates: Mapping[int, Candidate]) -> list[int]:
    """Stream counts whose vectors are those of the fewest streams, which is how a conversion was checked."""
    found = {count: candidate.encode_specimens() for count, candidate in candidates.items()}
    expected = found[min(found)]
    kept = [count for count, vectors in found.items() if cosines(vectors, expected)["min"] >= REFUSED_BELOW]
    for count in found.keys() - set(kept):
        _log.warning("engine.unfaithful_streams", streams=count)
    return kept


def choose(rates: dict[tuple[int, int], float], smallest: int = 1) -> Tuning:
    """The choice among (streams, micro-batch) → photos per second; `smallest` is passed on."""
    best = max(rates.values())
    streams = max(count for (count, _), rate in rates.items() if rate >= _STREAMS_WITHIN * best)
    own = {batch: rate for (count, batch), rate in rates.items() if count == streams}
    batch = min(batch for batch, rate in own.items() if rate >= _BATCH_WITHIN * max(own.values()))
    seen = {f"{count}x{size}": round(rate, 1) for (count, size), rate in rates.items()}
    return Tuning(streams, batch, smallest, seen)


def _read(path: Path) -> dict[str, Tuning]:
    try:
        return {name: Tuning(**one) for name, one in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
