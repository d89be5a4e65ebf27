"""What tests ask of the tables of all jobs' photos on a bank server."""

from __future__ import annotations

import numpy as np

from shared.core.settings import Settings
from shared.jobs.ledger import Ledger
from shared.similar import photo_filling
from shared.similar.photo_tables import BankServer
from shared.similar.sources import sources
from tests.bank_servers import Server


def fill(settings: Settings, server: BankServer, seconds: float = 60) -> int:
    return photo_filling.fill(server, settings, sources(Ledger.connect(settings)), seconds)


def unit(row: np.ndarray) -> np.ndarray:
    """As `tests.large_jobs.add_vectors` stores it."""
    return np.asarray((row / np.linalg.norm(row)).astype(np.float16).astype(np.float32))


def number(primary: Server) -> int:
    """Of the only model."""
    ((found,),) = primary.sql("SELECT model FROM weft_similar.models")
    return int(found)


def counted(primary: Server) -> tuple[int, int, int]:
    """Rows of both tables of the only model, and the photos that its jobs are said to have."""
    counts = [f"SELECT count(*) FROM weft_similar.{table}_{number(primary)}" for table in ("photos", "results")]
    photos, results, told = (
        int(primary.sql(sql)[0][0]) for sql in (*counts, "SELECT sum(photos) FROM weft_similar.jobs")
    )
    return photos, results, told
