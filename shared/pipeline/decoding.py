"""The decode pool of an encoder: which task its processes do, under which limits."""

from __future__ import annotations

from shared.core.settings import Settings
from shared.encoder import Encoder
from shared.photos.confinement import Confinement
from shared.photos.decode import Limits
from shared.photos.decode_pool import DecodePool
from shared.photos.decode_server import Task
from shared.pipeline.pixel_fields import compute

#: Seconds after which a photo is given up that gets hardly any processor time: a busy machine is no photo's fault.
WALL_SECONDS = 120.0


def confinement(settings: Settings) -> Confinement:
    return Confinement(memory=settings.decode_mb << 20, cpu_seconds=settings.decode_cpu_seconds)


def open_pool(settings: Settings, encoder: Encoder, processes: int) -> DecodePool:
    """Decoded photos come as `encoder.encode` takes them, with the fields that are computed from their pixels."""
    task = Task(
        target=encoder.decode_size,
        limits=Limits.of(settings),
        transforms=encoder.transforms,
        values=compute,
        confinement=confinement(settings),
    )
    return DecodePool(processes, task, budget=settings.decode_mb << 20, wall_seconds=WALL_SECONDS)
