"""What an engine's `load` is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.encoder import engine, spec
from shared.encoder.describe import combine
from shared.encoder.joined import JoinedEncoder
from shared.encoder.store import ModelStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.core.settings import Settings
    from shared.encoder.engine import Engine
    from shared.encoder.protocol import Encoder
    from shared.encoder.spec import Part

#: Photos per call on a CPU: beyond this a larger batch gains nothing, and an interactive photo waits longer.
CPU_BATCH = 16


@dataclass(frozen=True, slots=True)
class LoadRequest:
    settings: Settings
    chosen: Engine
    #: Cores that the encoder may use.
    threads: int
    #: Takes progress lines.
    say: Callable[[str], None]
    #: The caller calls `encode` from as many threads as the encoder has streams.
    concurrent: bool

    @property
    def store(self) -> ModelStore:
        return ModelStore.of(self.settings)

    def with_engine(self, text: str) -> LoadRequest:
        """The same, for another value of WEFT_ENGINE."""
        return replace(self, chosen=engine.parse(text))

    def joined(self, load_part: Callable[[LoadRequest, Part], Encoder]) -> Encoder:
        """Each model of WEFT_MODEL loaded by `load_part`, as the one encoder that concatenates their vectors."""
        halves = [load_part(self, part) for part in spec.parse(self.settings.model)]
        if len(halves) == 1:
            return halves[0]
        return JoinedEncoder(combine([half.info for half in halves], self.chosen), halves)
