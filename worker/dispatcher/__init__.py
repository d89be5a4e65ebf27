"""The dispatcher: one small process that lists folders, admits chunks, sweeps leases, projects results."""

from __future__ import annotations

from worker.dispatcher.main import run

__all__ = ["run"]
