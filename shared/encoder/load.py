"""From settings to a loaded encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.encoder import engine
from shared.encoder.describe import describe
from shared.encoder.hashed import HashedEncoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.encoder.protocol import Encoder
    from shared.settings import Settings

#: Photos per call on a CPU: beyond this a larger batch gains nothing, and an interactive photo waits longer.
CPU_BATCH = 16


def load(settings: Settings, *, threads: int, say: Callable[[str], None]) -> Encoder:
    """See `shared.encoder.load_encoder`."""
    chosen = engine.parse(settings.engine)
    if chosen.precision == "null":
        return HashedEncoder(describe(settings), micro_batch=settings.micro_batch or CPU_BATCH, seconds=chosen.seconds)
    raise NotImplementedError
