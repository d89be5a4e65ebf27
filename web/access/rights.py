"""The one table of what each route needs and what the audit log calls it.

A route that is not in it needs `admin` (tests/unit/test_rights.py fails for it).
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.access.scopes import Scope
from shared.jobs.states import VERBS


@dataclass(frozen=True, slots=True)
class Right:
    """`scope` None: open to everybody. `act`: what the audit log calls a request that succeeded."""

    scope: Scope | None
    act: str | None = None
    #: Only on one's own jobs, but for `admin`.
    own: bool = False


OPEN = Right(None)
READ = Right(Scope.READ)
ADMIN = Right(Scope.ADMIN)
_SUBMITTED = Right(Scope.SUBMIT, "job_submitted")
_DELETED = Right(Scope.SUBMIT, "job_deleted", own=True)
_CHANGED = Right(Scope.SUBMIT, "job_changed", own=True)
_ARCHIVED = Right(Scope.SUBMIT, "job_archived", own=True)
_CORRECTED = Right(Scope.REVIEW, "item_corrected")
_TASK = Right(Scope.ADMIN, "bank_task")

#: By endpoint.
RIGHTS: dict[str, Right] = {
    # Probes tell nothing but that the product is there, and browsers fetch icons and styles without a key.
    "static": OPEN,
    "favicon": OPEN,
    **{f"{name}.{view}": OPEN for name in ("health", "health_root") for view in ("healthz", "readyz")},
    "pages.login": OPEN,
    "pages.enter": OPEN,
    "pages.leave": Right(Scope.READ, "logout"),
    **{f"{name}.metrics": READ for name in ("health", "health_root")},
    "openapi.spec": READ,
    **{f"jobs.{view}": READ for view in ("index", "one")},
    **{f"items.{view}": READ for view in ("index", "exported", "thumbnail", "photo_thumbnail", "photo", "reviews")},
    **dict.fromkeys(("items.card", "pages.swatch_card"), READ),
    **{f"similar.{view}": READ for view in ("similar", "groups")},
    **{f"bank.{view}": READ for view in ("bank", "one_class", "sample_picture", "names")},
    **{f"bank_versions.{view}": READ for view in ("versions", "compared", "proposed", "drift")},
    **{f"bank_tasks.{view}": READ for view in ("one", "collected")},
    "banks.index": READ,
    **dict.fromkeys(("banks.create", "pages.banks_new"), Right(Scope.ADMIN, "bank_made")),
    **dict.fromkeys(("banks.change", "pages.banks_change"), Right(Scope.ADMIN, "bank_changed")),
    **dict.fromkeys(("banks.delete", "pages.banks_delete"), Right(Scope.ADMIN, "bank_deleted")),
    **{f"collections.{view}": READ for view in ("index", "one", "runs", "one_run", "files", "export", "report")},
    **{f"pages.{view}": READ for view in ("collections", "collection", "collections_runs", "collections_report")},
    **dict.fromkeys(("collections.create", "pages.collections_new"), Right(Scope.SUBMIT, "collection_made")),
    **dict.fromkeys(("collections.change", "pages.collections_change"), Right(Scope.SUBMIT, "collection_changed")),
    **dict.fromkeys(("collections.delete", "pages.collections_delete"), Right(Scope.SUBMIT, "collection_deleted")),
    **dict.fromkeys(("collections.run", "pages.collections_run"), Right(Scope.SUBMIT, "collection_run")),
    "access.me": READ,
    **dict.fromkeys(("access.index", "pages.keys", "access.audit", "pages.audit"), ADMIN),
    **dict.fromkeys(("access.create", "pages.key_create"), Right(Scope.ADMIN, "key_created")),
    **dict.fromkeys(("access.revoke", "pages.key_revoke"), Right(Scope.ADMIN, "key_revoked")),
    "workers.workers": READ,
    **{
        f"pages.{view}": READ
        for view in (
            "banks",
            "start",
            "folder_form",
            "upload_form",
            "jobs",
            "job",
            "progress",
            "review",
            "workers",
            "compare",
            "compared",
        )
    },
    **{f"pages.{view}": READ for view in ("results", "counts", "positions", "facets", "similar", "groups")},
    # Sent as a form, for a selection may be too long for an address; it changes nothing.
    "pages.export_chosen": Right(Scope.READ, "results_exported"),
    **{
        f"pages.bank{view}": READ for view in ("", "_class", "_check", "_task", "_versions", "_compare", "_corrections")
    },
    **dict.fromkeys(("jobs.create", "jobs.create_from_folder", "classify.classify"), _SUBMITTED),
    **dict.fromkeys(("similar.look_up", "pages.look_up"), _SUBMITTED),
    **dict.fromkeys(("pages.upload", "pages.folder"), _SUBMITTED),
    # Each is its beginner's alone: for all others it is not there.
    **dict.fromkeys(("uploads.one", "uploads.files", "uploads.parts"), Right(Scope.SUBMIT)),
    "uploads.begin": Right(Scope.SUBMIT, "upload_begun"),
    **{
        f"uploads.{view}": Right(Scope.SUBMIT, "upload_continued")
        for view in ("offer", "receive", "add_parts", "join", "resume")
    },
    "uploads.discard": Right(Scope.SUBMIT, "upload_discarded"),
    "uploads.finish": _SUBMITTED,
    **{f"jobs.{verb}": Right(Scope.SUBMIT, f"job_{verb}", own=True) for verb in VERBS},
    "jobs.retry_items": Right(Scope.SUBMIT, "job_retry", own=True),
    "pages.steer": Right(Scope.SUBMIT, "job_{verb}", own=True),
    **dict.fromkeys(("jobs.delete", "pages.delete"), _DELETED),
    **dict.fromkeys(
        ("jobs.change", "pages.rename", "pages.prioritise", "pages.change_hours", "pages.run_next"), _CHANGED
    ),
    **dict.fromkeys(("jobs.put_away", "pages.put_away"), _ARCHIVED),
    **dict.fromkeys(("jobs.rerun", "pages.rerun"), _SUBMITTED),
    # Of each of the jobs, the view asks whose it is, and records what it did.
    "pages.act_on_jobs": Right(Scope.SUBMIT, "job_changed"),
    **dict.fromkeys(("comparison.compared", "items.summary", "items.summary_file", "pages.summary"), READ),
    "folders.index": Right(Scope.SUBMIT),
    **dict.fromkeys(("items.correct", "pages.correct"), _CORRECTED),
    **dict.fromkeys(
        ("items.review_many", "items.undo_review", "pages.name_group", "pages.undo_group"),
        Right(Scope.REVIEW, "items_reviewed"),
    ),
    **dict.fromkeys(("bank_versions.publish", "pages.bank_publish"), Right(Scope.ADMIN, "bank_published")),
    **dict.fromkeys(("bank_versions.rollback", "pages.bank_rollback"), Right(Scope.ADMIN, "bank_rolled_back")),
    **dict.fromkeys(("bank_tasks.start", "pages.bank_begin", "pages.bank_add"), _TASK),
    "pages.bank_new": ADMIN,
    **{f"{part}{view}": _TASK for part in ("bank_tasks.", "pages.bank_") for view in ("photos", "build", "imported")},
    **{f"{part}undo": Right(Scope.ADMIN, "bank_change_undone") for part in ("bank_tasks.", "pages.bank_")},
    **{f"{part}discard": Right(Scope.ADMIN, "bank_draft_discarded") for part in ("bank_tasks.", "pages.bank_")},
}


def right_of(endpoint: str | None) -> Right:
    """What a route needs; an address that does not exist tells so to those who may read."""
    return READ if endpoint is None else RIGHTS.get(endpoint, ADMIN)
