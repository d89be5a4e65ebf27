"""The JSON API under /api/v1, one file a concept."""

from __future__ import annotations

from apiflask import APIFlask

PREFIX = "/api/v1"


def init_app(app: APIFlask) -> None:
    # `photos`, `exports`, `class_names`, `collection_report` and `bank_drafts` add routes to other files' blueprints.
    from web.api import (  # noqa: F401
        access,
        bank,
        bank_drafts,
        bank_tasks,
        bank_versions,
        banks,
        class_names,
        classify,
        collection_report,
        collections,
        comparison,
        exports,
        folders,
        health,
        items,
        jobs,
        photos,
        similar,
        summary,
        uploads,
        workers,
    )

    for module in (
        jobs,
        comparison,
        collections,
        uploads,
        folders,
        items,
        similar,
        classify,
        bank,
        banks,
        bank_versions,
        bank_tasks,
        workers,
        access,
    ):
        app.register_blueprint(module.bp, url_prefix=PREFIX)
    app.register_blueprint(health.bp, url_prefix=PREFIX)
    # Probes and Prometheus look at the root by habit.
    app.register_blueprint(health.bp, name="health_root")
