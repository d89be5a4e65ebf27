"""The JSON API under /api/v1, one file a concept."""

from __future__ import annotations

from apiflask import APIFlask

PREFIX = "/api/v1"


def init_app(app: APIFlask) -> None:
    from web.api import bank, bank_tasks, bank_versions, classify, health, items, jobs, workers

    for module in (jobs, items, classify, bank, bank_versions, bank_tasks, workers):
        app.register_blueprint(module.bp, url_prefix=PREFIX)
    app.register_blueprint(health.bp, url_prefix=PREFIX)
    # Probes and Prometheus look at the root by habit.
    app.register_blueprint(health.bp, name="health_root")
