"""What each route takes, in one table: bytes of its body, how deep its JSON may nest, and which threads serve it.

`tests/unit/test_web_limits.py` fails for a route that takes a body and has no row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.core.settings import Settings
from shared.jobs.states import VERBS

#: Bytes of a query string; items that a page or a program asks for fit into a tenth.
QUERY_BYTES = 8_000
#: Bytes of a request's line and headers.
HEAD_BYTES = 32_768
#: Bytes of all text fields of one form, and number of them; files do not count.
FORM_BYTES, FORM_FIELDS = 500_000, 100
#: Characters of a file's name with its folders, as Linux allows a path.
NAME_LENGTH = 4096
#: Lists and objects within each other: no request of this API goes deeper than four.
JSON_DEPTH = 16


class Lane(StrEnum):
    """Threads of their own, so that none of these waits for another."""

    PROBE = "probe"
    PAGE = "page"
    POLL = "poll"
    UPLOAD = "upload"
    WAIT = "wait"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Threads:
    """How many requests of a lane run at once, and how many more wait; what comes then gets 503."""

    running: int
    waiting: int


#: An upload holds a thread while its body arrives, `classify` while its photo is classified, an export until it
#: has been read.
LANES = {
    Lane.PROBE: Threads(2, 200),
    Lane.PAGE: Threads(8, 400),
    Lane.POLL: Threads(3, 400),
    Lane.UPLOAD: Threads(64, 136),
    Lane.WAIT: Threads(32, 32),
    Lane.EXPORT: Threads(8, 24),
}


class Whole(StrEnum):
    """A limit that is a setting."""

    UPLOAD = "max_upload_bytes"
    PHOTO = "max_photo_bytes"


@dataclass(frozen=True, slots=True)
class Limit:
    """`body`: bytes at most; with files they go to disk as they arrive, without they are read into memory."""

    body: int | Whole
    lane: Lane = Lane.PAGE

    @property
    def files(self) -> bool:
        return isinstance(self.body, Whole)

    def bytes(self, settings: Settings) -> int:
        """The limit in bytes; a photo's form may have its text fields beside it."""
        if self.body is Whole.UPLOAD:
            return settings.max_upload_bytes
        if self.body is Whole.PHOTO:
            return min(settings.max_upload_bytes, settings.max_photo_bytes + 2 * FORM_BYTES)
        assert isinstance(self.body, int)
        return min(self.body, settings.max_upload_bytes)


#: Nothing, but some clients send an empty object; a few fields; a list of samples or photos.
NOTHING, FIELDS, LISTS = 1_000, 128_000, 1_000_000

PROBES = ("healthz", "readyz", "metrics")

#: Views that read a request's body, and those whose thread is held for long.
LIMITS: dict[str, Limit] = {
    "jobs.create": Limit(Whole.UPLOAD, Lane.UPLOAD),
    "uploads.receive": Limit(Whole.UPLOAD, Lane.UPLOAD),
    "uploads.add_parts": Limit(Whole.UPLOAD, Lane.UPLOAD),
    # A file is read and written once.
    "uploads.join": Limit(LISTS, Lane.UPLOAD),
    "uploads.begin": Limit(FIELDS),
    # A thousand names of 4,096 characters.
    "uploads.offer": Limit(5 * LISTS),
    "uploads.finish": Limit(NOTHING),
    "uploads.discard": Limit(NOTHING),
    **{f"uploads.{view}": Limit(NOTHING, Lane.EXPORT) for view in ("files", "parts", "resume")},
    "jobs.create_from_folder": Limit(FIELDS),
    **{f"jobs.{verb}": Limit(NOTHING) for verb in VERBS},
    "jobs.delete": Limit(NOTHING),
    "jobs.put_away": Limit(NOTHING),
    "jobs.change": Limit(FIELDS),
    "jobs.rerun": Limit(FIELDS),
    "jobs.retry_items": Limit(LISTS),
    "items.correct": Limit(FIELDS),
    "items.review_many": Limit(LISTS),
    "items.undo_review": Limit(NOTHING),
    # One search at a time, and it may take seconds.
    **{f"similar.{view}": Limit(NOTHING, Lane.EXPORT) for view in ("similar", "groups")},
    **{f"pages.{view}": Limit(NOTHING, Lane.EXPORT) for view in ("similar", "groups")},
    **dict.fromkeys(("similar.look_up", "pages.look_up"), Limit(Whole.PHOTO, Lane.WAIT)),
    "pages.name_group": Limit(LISTS),
    "pages.undo_group": Limit(NOTHING),
    "items.photo": Limit(NOTHING, Lane.EXPORT),
    "items.card": Limit(NOTHING, Lane.EXPORT),
    "items.exported": Limit(NOTHING, Lane.EXPORT),
    "items.summary_file": Limit(NOTHING, Lane.EXPORT),
    # Counts a million rows for a second.
    "items.summary": Limit(NOTHING, Lane.EXPORT),
    # A share may take its time.
    "folders.index": Limit(NOTHING, Lane.EXPORT),
    "classify.classify": Limit(Whole.PHOTO, Lane.WAIT),
    **dict.fromkeys(("banks.create", "pages.banks_new"), Limit(FIELDS, Lane.EXPORT)),
    **dict.fromkeys(("banks.change", "pages.banks_change", "pages.banks_delete"), Limit(FIELDS)),
    "banks.delete": Limit(NOTHING),
    # Folders are looked for on a share, which may take its time.
    **{f"collections.{view}": Limit(FIELDS, Lane.EXPORT) for view in ("create", "change")},
    **{f"pages.collections_{view}": Limit(FIELDS, Lane.EXPORT) for view in ("new", "change")},
    **dict.fromkeys(("collections.run", "pages.collections_run", "pages.collections_delete"), Limit(FIELDS)),
    "collections.delete": Limit(NOTHING),
    **{f"collections.{view}": Limit(NOTHING, Lane.EXPORT) for view in ("files", "export", "report")},
    "pages.collections_report": Limit(NOTHING, Lane.EXPORT),
    "bank_versions.publish": Limit(NOTHING),
    "bank_versions.rollback": Limit(NOTHING),
    "bank_tasks.start": Limit(LISTS),
    **{
        f"{part}{view}": Limit(Whole.UPLOAD, Lane.UPLOAD)
        for part in ("bank_tasks.", "pages.bank_")
        for view in ("photos", "build", "imported")
    },
    **{f"bank_tasks.{view}": Limit(NOTHING) for view in ("undo", "discard")},
    **{f"pages.bank_{view}": Limit(FIELDS) for view in ("undo", "discard")},
    **{f"{root}.{probe}": Limit(NOTHING, Lane.PROBE) for root in ("health", "health_root") for probe in PROBES},
    "pages.upload": Limit(Whole.UPLOAD, Lane.UPLOAD),
    "pages.folder": Limit(FIELDS),
    "pages.steer": Limit(NOTHING),
    "pages.delete": Limit(NOTHING),
    **{
        f"pages.{view}": Limit(FIELDS)
        for view in ("rename", "prioritise", "change_hours", "run_next", "put_away", "rerun", "act_on_jobs")
    },
    "pages.correct": Limit(FIELDS),
    "pages.export_chosen": Limit(LISTS, Lane.EXPORT),
    "pages.login": Limit(FIELDS),
    "pages.enter": Limit(FIELDS),
    "pages.leave": Limit(FIELDS),
    "pages.key_create": Limit(FIELDS),
    "pages.key_revoke": Limit(FIELDS),
    "access.create": Limit(FIELDS),
    "access.revoke": Limit(NOTHING),
    "pages.bank_publish": Limit(FIELDS),
    "pages.bank_rollback": Limit(FIELDS),
    "pages.bank_add": Limit(LISTS),
    "pages.bank_begin": Limit(LISTS),
}
#: For a view without a row, and for addresses that no view has.
OTHERWISE = Limit(FIELDS)


def limit_of(endpoint: str | None) -> Limit:
    """The row of a view."""
    return LIMITS.get(endpoint or "", OTHERWISE)
